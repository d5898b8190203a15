"""One browser tab: shows a page, keeps it fresh while it is looked at, passes on what is done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from nicegui import Client
from nicegui.element import Element

from ostler.errors import AuthRequired, OstlerError
from ostler.faces.dashboard import frame, pages
from ostler.faces.dashboard.asking import Caller
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, difference, html, packed

BASE = "/dashboard"
FIRST = 0.4  # seconds that a page may take to look before it is shown as loading
AGAIN = 0.25  # seconds between an event and the look that it causes: events come in flocks


class Tree(Element, component="tree.js"):
    """The tree of a tab, in the browser."""

    def __init__(self, tree: Node) -> None:
        super().__init__()
        self._props["tree"], self._props["base"] = packed(tree), BASE
        self.shown = tree

    def become(self, tree: Node) -> None:
        """Change what the browser shows."""
        ops = difference(self.shown, tree)
        self.shown = tree
        if ops:
            self.run_method("patch", ops)


def refused(error: OstlerError) -> str:
    """Return what went wrong and what to try, as one text."""
    hint = f"Try: {error.hint}" if error.hint.startswith("ostler ") else error.hint
    return f"{error.what} {hint}".strip()


class Stage:
    """A tab and the page in it."""

    def __init__(self, client: Client, caller: Caller, address: str, origin: str) -> None:
        self.caller, self.origin, self._client = caller, origin, client
        self.kept: dict[str, Any] = {}
        self._state = frame.State(operates=caller.operates, who=caller.name)
        self._tasks: set[asyncio.Task[Any]] = set()  # of the page
        self._acts: set[asyncio.Task[Any]] = set()  # of the tab: they end though the page is left
        self._nudge, self._visible = asyncio.Event(), asyncio.Event()
        self._visible.set()
        self._answer: asyncio.Future[bool] | None = None  # of a question to the user
        self._page = self._made(address)
        self._tree: Tree | None = None
        client.on_delete(self._left)

    async def open(self) -> str:
        """Look for the first time and put the tree into the tab; return it as HTML."""
        first = self.spawn(self._first())
        await asyncio.wait({first}, timeout=FIRST)
        self._client.page_container.set_visibility(False)  # it is a main, as ours is
        with self._client.layout:
            self._tree = Tree(self._seen())
            self._tree.on("act", lambda happened: self._acted(happened.args))
            self._tree.on("go", lambda happened: self._went(happened.args))
            self._tree.on("visible", lambda happened: self._looked_at(happened.args))
        return html(self._tree.shown)

    # --- for pages: see `page.Desk` ---------------------------------------------------------

    def show(self) -> None:
        if self._tree is not None and not self._client.is_deleted:
            self._tree.become(self._seen())

    def toast(self, text: str, kind: str = "good") -> None:
        number = self._state.say(text, kind)
        self.show()
        if kind != "bad":  # what went wrong stays until it is put away
            self._spawn(self._acts, self._hush(number))

    async def confirm(self, title: str, *said: Node, yes: str, danger: bool = False) -> bool:
        self._settle(False)
        self._answer = asyncio.get_running_loop().create_future()
        self._state.question = frame.Question(title, said, yes, danger)
        self.show()
        try:
            return await self._answer
        finally:
            self._answer, self._state.question = None, None
            self.show()

    def go(self, href: str) -> None:
        if self._tree is not None:
            self._tree.run_method("go", href, True)

    def leave(self, href: str) -> None:
        self._client.run_javascript(f"location.assign({json.dumps(href)})")

    def address(self, **query: str) -> None:
        given = {name: value for name, value in query.items() if value}
        self._page.query = given
        asked = f"?{urlencode(given, quote_via=quote, safe='/')}" if given else ""
        if self._tree is not None:
            self._tree.run_method("address", f"{BASE}{self._page.path}{asked}")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._spawn(self._tasks, work)

    # --- what the browser says --------------------------------------------------------------

    def _went(self, href: str) -> None:
        """Another page is asked for, by a link or the browser's own buttons."""
        self._leave()
        self._page = self._made(href)
        self._state.failed, self._state.looked = None, False
        first = self.spawn(self._first())

        async def arrive() -> None:
            await asyncio.wait({first}, timeout=FIRST)
            self.show()
            if self._tree is not None:
                self._tree.run_method("arrived")

        self.spawn(arrive())

    def _acted(self, said: Any) -> None:
        name, args = str(said["name"]), dict(said["args"])
        if name in ("yes", "no"):
            self._settle(name == "yes")
        elif name == "put-away":
            self._state.put_away(int(args["number"]))
            self.show()
        elif name == "again":
            self._nudge.set()
        elif callable(handler := getattr(self._page, f"do_{name}", None)):
            self._spawn(self._acts, self._done(self._page, handler(**args)))

    def _looked_at(self, visible: Any) -> None:
        if visible:
            self._visible.set()
            self._nudge.set()
        else:
            self._visible.clear()

    def _settle(self, answer: bool) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    # --- looking ----------------------------------------------------------------------------

    def _made(self, href: str) -> Page:
        parts = urlsplit(href)
        found = pages.find(parts.path.removeprefix(BASE).rstrip("/"))
        self._state.page = found
        return found(self, dict(parse_qsl(parts.query)))

    def _seen(self) -> Node:
        return frame.around(self._page, self._state)

    async def _first(self) -> None:
        if self._page.operators and not self.caller.operates:
            self._state.looked = True
            return
        await self._look()
        self.spawn(self._keep_looking())
        if self._page.listens:
            self.spawn(self._listen())

    async def _look(self) -> None:
        try:
            await self._page.look()
            self._state.failed, self._state.looked = None, True
        except AuthRequired:
            self._sign_in()
        except OstlerError as error:
            self._state.failed = error
        self.show()

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), self._page.every)
            self._nudge.clear()
            await self._visible.wait()
            if self._client.has_socket_connection:
                await self._look()

    async def _listen(self) -> None:
        """Hear of events as they happen; come back where the stream broke off."""
        last = ""
        while True:
            try:
                async with aclosing(self.caller.stream("/api/events", after=last)) as events:
                    async for event in events:
                        last = str(event["id"])
                        await self._page.heard(event["data"])
                        self._nudge_soon()
            except OstlerError:
                pass  # the next look says what is wrong
            await asyncio.sleep(1.0)

    def _nudge_soon(self) -> None:
        asyncio.get_running_loop().call_later(AGAIN, self._nudge.set)

    async def _done(self, page: Page, work: Any) -> None:
        """Carry out what the user asked for, and show what came of it."""
        try:
            if work is not None:
                await work
        except AuthRequired:
            self._sign_in()
        except OstlerError as error:
            self.toast(refused(error), "bad")
        if page is self._page:
            self.show()

    def _sign_in(self) -> None:
        self.leave(f"{BASE}/signin?why=ended")

    async def _hush(self, number: int) -> None:
        await asyncio.sleep(frame.SHOWN)
        self._state.put_away(number)
        self.show()

    # --- tasks ------------------------------------------------------------------------------

    def _spawn(
        self, among: set[asyncio.Task[Any]], work: Coroutine[Any, Any, None]
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A bug of ours is said here, and its traceback by asyncio where the server runs."""
        if not task.cancelled() and (error := task.exception()):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "The dashboard has a bug", "exception": error, "task": task}
            )
            self._state.say(
                f"Ostler has a bug: {type(error).__name__}. The server's output says more.", "bad"
            )
            self.show()

    def _leave(self) -> None:
        self._settle(False)
        for task in list(self._tasks):
            task.cancel()

    def _left(self) -> None:
        """The tab is gone."""
        self._leave()
        for task in list(self._acts):
            task.cancel()
