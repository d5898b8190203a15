"""A page of the dashboard: what it asks for, what it shows of that, what can be done on it.

A page knows neither NiceGUI nor the browser. It holds plain values, `view` makes a tree of them,
and what the user does calls `do_<name>`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ostler.faces.dashboard.asking import Caller
from ostler.faces.dashboard.tree import Node


class Desk(Protocol):
    """The browser tab that a page is shown in."""

    caller: Caller
    origin: str  # the server's address as this browser calls it, such as http://gpu-1:8077
    kept: dict[str, Any]  # by a page's own word: what it finds again when it is shown once more

    def show(self) -> None:
        """Show the page as it is now; done by itself after `look` and after every act."""
        ...

    def toast(self, text: str, kind: str = "good") -> None:
        """Say in a corner what was done; `kind` is good, bad or plain."""
        ...

    async def confirm(self, title: str, *said: Node, yes: str, danger: bool = False) -> bool:
        """Ask before something is interrupted or gone: say what will happen, return the answer."""
        ...

    def go(self, href: str) -> None:
        """Show another page of the dashboard."""
        ...

    def leave(self, href: str) -> None:
        """Ask the server for an address, as a link to elsewhere would: the tab is made anew."""
        ...

    def address(self, **query: str) -> None:
        """Write this page's own question into its address, so that the link can be kept."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> Work:
        """Do something meanwhile, such as following a stream; it ends with the page."""
        ...


class Work(Protocol):
    """Something that goes on beside a page."""

    def cancel(self) -> bool: ...

    def done(self) -> bool: ...

    def __await__(self) -> Any: ...


@dataclass
class Page:
    """One page in one browser tab. Pages are subclasses with defaults for all they hold."""

    desk: Desk
    query: Mapping[str, str]  # of the address: /dashboard/fit?model=a -> {"model": "a"}

    path: ClassVar[str]  # after /dashboard: "" or "/models"
    title: ClassVar[str]
    operators: ClassVar[bool] = True  # for them alone; a user's key is told so
    every: ClassVar[float | None] = 2.0  # seconds between two looks; None: one look
    listens: ClassVar[bool] = False  # looks again when something has happened, too

    async def look(self) -> None:
        """Ask for what the page shows. What it raises is shown in the page's place or above it."""

    async def heard(self, event: Mapping[str, Any]) -> None:
        """Take an event of `/api/events`; only where the page listens. A look follows."""

    def view(self) -> Node:
        """Return what the page shows once it has looked."""
        raise NotImplementedError

    # --- the ways of a page to the API: see `asking.Caller` ---------------------------------

    async def get(self, path: str, fresh: float = 0.0, **query: Any) -> Any:
        """Return what a GET gives; the same answer serves all tabs for `fresh` seconds."""
        return await self.desk.caller.get(path, fresh, **query)

    async def ask(self, method: str, path: str, value: Any = None, **query: Any) -> Any:
        """Return what a request gives, as the signed-in key. Raises what it is refused with."""
        return await self.desk.caller.ask(method, path, value, **query)

    def stream(self, path: str, **query: Any) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield the server-sent events of a path, each as {"event", "id", "data"}."""
        return self.desk.caller.stream(path, **query)
