"""The dashboard's only way to data: the documented API, asked as the key that has signed in.

`/api/...` is asked within the process, through the control API's own middleware: keys, roles,
limits and the history hold as for everybody. Inference and streams go to the gateway by HTTP.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, Protocol

import httpx2
from fastapi import FastAPI

from ostler.errors import AuthRequired, OstlerError, RequestFailed, from_code
from ostler.faces.api.callers import judged
from ostler.faces.dashboard.session import Session
from ostler.faces.gateway.messages import Key

KEPT = 200  # answers that are shared between tabs
PATIENCE = httpx2.Timeout(30.0, read=None)  # seconds; a large model's first token takes minutes


class Door(Protocol):
    """Who may ask."""

    def keys(self) -> Mapping[str, Key]:
        """The keys in force by their SHA-256; empty where none is needed."""
        ...


@dataclass
class Asking:
    """Asks this server's API."""

    app: FastAPI
    door: Door
    gateway: str  # its address, such as http://127.0.0.1:8077
    tls: SSLContext | None = None
    _shared: dict[tuple[str, ...], tuple[float, asyncio.Task[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        self._inside = httpx2.AsyncClient(transport=transport, base_url="http://ostler")
        verify: SSLContext | bool = self.tls or True
        self._outside = httpx2.AsyncClient(base_url=self.gateway, verify=verify, timeout=PATIENCE)

    async def asked(
        self, key: str, method: str, path: str, value: Any, query: Mapping[str, Any]
    ) -> Any:
        """Return the API's answer. Raises what it refuses with."""
        given = {name: one for name, one in query.items() if one is not None}
        answer = await self._inside.request(
            method, path, params=given, json=value, headers=_shown(key)
        )
        if answer.status_code >= 400:
            raise refusal(answer.content, answer.status_code)
        kind = answer.headers.get("content-type", "")
        return answer.json() if "json" in kind else answer.text

    async def shared(self, key: str, path: str, fresh: float, query: Mapping[str, Any]) -> Any:
        """Return an answer that another tab may have asked for; who may not have it is refused."""
        caller = judged(self.door.keys(), path, _shown(key))
        whose = "" if path.startswith("/api/") and path != OWN else caller.name
        which = (path, whose, *(f"{name}={one}" for name, one in sorted(query.items())))
        now = time.monotonic()
        at, task = self._shared.get(which, (0.0, None))
        if task is None or now - at >= fresh or (task.done() and task.exception()):
            task = asyncio.create_task(self.asked(key, "GET", path, None, query))
            # Whoever waited may have left before it was refused.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._shared.pop(which, None)
            self._shared[which] = (now, task)
            for old in list(self._shared)[:-KEPT]:
                del self._shared[old]
        return await asyncio.shield(task)

    def request(
        self,
        key: str,
        method: str,
        path: str,
        value: Any,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        """Return the gateway's answer as it comes, whatever its status."""
        headers = {**headers, **_shown(key)}
        return self._outside.stream(method, path, params=query, json=value, headers=headers)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._inside.aclose()
        await self._outside.aclose()


OWN = "/api/caller"  # is another answer for every key


@dataclass(frozen=True)
class Caller:
    """Asks as one key. `name`, `role` and `models` are the key's own."""

    asking: Asking = field(repr=False)
    key: str = field(default="", repr=False)  # empty where none is needed
    name: str = ""
    role: str = "operator"
    models: tuple[str, ...] = ("*",)
    session: Session | None = field(default=None, repr=False)

    @property
    def operates(self) -> bool:
        return self.role == "operator"

    async def get(self, path: str, fresh: float = 0.0, **query: Any) -> Any:
        """Return what a GET gives. Answers of up to `fresh` seconds ago do as well: leave them
        as they are, other tabs read them too.
        """
        self._still()
        given = {name: one for name, one in query.items() if one is not None}
        if fresh:
            return await self.asking.shared(self.key, path, fresh, given)
        return await self.asking.asked(self.key, "GET", path, None, given)

    async def ask(self, method: str, path: str, value: Any = None, **query: Any) -> Any:
        """Return what a request gives; `value` is its JSON body."""
        self._still()
        return await self.asking.asked(self.key, method, path, value, query)

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        value: Any = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        **query: Any,
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request to the gateway and give the answer as it comes.

        For inference: `async with caller.request("POST", "/v1/chat/completions", body) as answer`.
        Raises what it is refused with, and RequestFailed where it breaks off.
        """
        self._still()
        try:
            asked = self.asking.request(self.key, method, path, value, query, headers)
            async with asked as answer:
                if answer.status_code >= 400:
                    raise refusal(await answer.aread(), answer.status_code)
                yield answer
        except httpx2.HTTPError as error:
            raise unreachable(error) from None

    def _still(self) -> None:
        """Raise AuthRequired where the browser has signed out, in another tab perhaps."""
        if self.session is None:
            return
        if self.session.ended:
            raise AuthRequired("You are signed out.", hint="Sign in again.")
        self.session.touch()

    async def stream(
        self, path: str, value: Any = None, method: str = "GET", after: str = "", **query: Any
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield server-sent events, each as {"event", "id", "data"}; `data` is what its JSON says.

        `after` is the id of the last one that is known. It ends where the server ends it, and at
        `[DONE]`. Raises what the server refuses with, and RequestFailed where it breaks off.
        """
        headers = {"last-event-id": after} if after else {}
        async with self.request(method, path, value, headers, **query) as answer:
            async for event in _events(answer.aiter_lines()):
                if event["data"] == "[DONE]":
                    return
                yield {**event, "data": json.loads(event["data"])}


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    found: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, text = line.partition(":")
            if name:  # else it is a comment
                text = text.removeprefix(" ")
                found[name] = f"{found[name]}\n{text}" if name == "data" and name in found else text
        elif "data" in found:
            yield {"event": found.get("event", "message"), "id": found.get("id", ""),
                   "data": found["data"]}  # fmt: skip
            found = {}


def _shown(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def refusal(body: bytes, status: int) -> OstlerError:
    """Return the error that an answer of the API says."""
    try:
        error = json.loads(body)["error"]
        code, message, hint = error["code"], error["message"], error.get("hint") or ""
    except (ValueError, TypeError, KeyError):
        return OstlerError(f"The server answered {status}.")
    return from_code(str(code), str(message), str(hint))


def unreachable(error: httpx2.HTTPError) -> OstlerError:
    """Return what to say where the gateway's answer did not come, or broke off."""
    said = str(error) or type(error).__name__
    return RequestFailed(f"The answer broke off: {said}.", hint="Ask again.")
