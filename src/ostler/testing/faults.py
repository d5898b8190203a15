"""A hub, or any ASGI application, that misbehaves on demand and remembers what it was asked.

faults = Faults(app)
faults.add("*/model.gguf", CutAfter(1000), times=1)
...
assert faults.asked("*/model.gguf")[1].headers["range"] == "bytes=1000-"
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Fault(Protocol):
    """One way to misbehave."""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Rule:
    pattern: str
    fault: Fault
    methods: tuple[str, ...]
    times: int | None  # how often it still applies; None: always


class Faults:
    """The application, with faults in front of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests: list[Asked] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(
        self,
        pattern: str,
        fault: Fault,
        *,
        times: int | None = None,
        methods: tuple[str, ...] = ("GET",),
    ) -> None:
        """Apply the fault to the next `times` requests whose path fits the pattern.

        The rule added first wins, and makes room for the next once it is used up.
        """
        with self._lock:
            self._rules.append(_Rule(pattern, fault, methods, times))

    def asked(self, pattern: str = "*", method: str | None = None) -> list[Asked]:
        """Return the requests so far whose path fits the pattern, in order."""
        return [
            request
            for request in self.requests
            if fnmatchcase(request.path, pattern) and method in (None, request.method)
        ]

    def clear(self) -> None:
        """Forget all rules and requests; let go of whatever is held."""
        with self._lock:
            for rule in self._rules:
                if isinstance(rule.fault, Stall):
                    rule.fault.released.set()
            self._rules.clear()
            self.requests.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.requests.append(_asked(scope))
        fault = self._take(scope["method"], scope["path"])
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await fault(self.app, scope, receive, send)

    def _take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if rule.times == 0 or method not in rule.methods:
                    continue
                if fnmatchcase(path, rule.pattern):
                    rule.times = None if rule.times is None else rule.times - 1
                    return rule.fault
        return None


class _Cut(Exception):
    """Ends the application's answer."""


@dataclass(frozen=True, slots=True)
class CutAfter:
    """Close the connection after so many bytes of the body."""

    count: int

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.count

        async def cut(message: Message) -> None:
            nonlocal left
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            # never the last message: the server closes the connection of an unfinished answer
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if left == 0:
                raise _Cut

        with contextlib.suppress(_Cut):
            await app(scope, receive, cut)


@dataclass(frozen=True, slots=True)
class FlipByte:
    """Change one byte of the file, at this offset from its beginning, whatever range is asked."""

    offset: int

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        at = 0

        async def flip(message: Message) -> None:
            nonlocal at
            if message["type"] == "http.response.start":
                begins = _header(message, b"content-range") or b"bytes 0-"
                at = int(begins.removeprefix(b"bytes ").partition(b"-")[0])
            else:
                body = bytearray(message.get("body", b""))
                if at <= self.offset < at + len(body):
                    body[self.offset - at] ^= 0xFF
                at += len(body)
                message = {**message, "body": bytes(body)}
            await send(message)

        await app(scope, receive, flip)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this instead, such as 503 or 429 with `{"Retry-After": "1"}`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"content-length": str(len(self.body)), **self.headers}
        await send(_start(self.status, [(k.encode(), v.encode()) for k, v in headers.items()]))
        await send({"type": "http.response.body", "body": self.body})


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """Answer every range with the whole file and status 200, as some mirrors do."""

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await app({**scope, "headers": headers}, receive, send)


@dataclass(frozen=True, slots=True)
class ReplaceHeader:
    """Answer with another value of one header; None leaves it out."""

    name: str
    value: str | None

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def replace(message: Message) -> None:
            if message["type"] == "http.response.start":
                wanted = self.name.lower().encode()
                headers = [(k, v) for k, v in message["headers"] if k.lower() != wanted]
                headers += [] if self.value is None else [(wanted, self.value.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, replace)


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Send the client to the same path at another origin, with the file's metadata on the way."""

    origin: str

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        location = self.origin.encode() + scope["raw_path"].partition(b"?")[0] + query

        async def redirect(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(k, v) for k, v in message["headers"] if k.lower().startswith(b"x-")]
                await send(_start(302, [*kept, (b"location", location), (b"content-length", b"0")]))
                await send({"type": "http.response.body"})

        await app({**scope, "method": "HEAD"}, receive, redirect)


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop sending after so many bytes until released; `reached` tells that it stopped."""

    after: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.after

        async def stall(message: Message) -> None:
            nonlocal left
            body = message.get("body", b"")
            if message["type"] != "http.response.body" or len(body) < left or left < 0:
                left -= len(body)
                await send(message)
                return
            await send({"type": "http.response.body", "body": body[:left], "more_body": True})
            rest, left = body[left:], -1
            self.reached.set()
            await asyncio.to_thread(self.released.wait)
            await send({**message, "body": rest})

        await app(scope, receive, stall)


def _asked(scope: Scope) -> Asked:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return Asked(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)


def _start(status: int, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _header(message: Message, name: bytes) -> bytes | None:
    return next((v for k, v in message["headers"] if k.lower() == name), None)
