"""What goes to the browser: pages with their policy and first picture, programs packed and kept."""

from __future__ import annotations

import asyncio
import gzip
import re
import secrets
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN = {
    "/own/style.css": ("style.css", "text/css"),
    "/own/theme.js": ("theme.js", "text/javascript"),
    "/own/mark.svg": ("mark.svg", "image/svg+xml"),
}
HERE = Path(__file__).parent
YEAR = "public, max-age=31536000, immutable"  # its address changes when it does
SHORT = "public, max-age=0, must-revalidate"
MOST = 64  # packed programs that are kept
SMALL = 500  # bytes that are not worth packing
# NiceGUI's own programs build functions from texts; nothing else may, and nothing comes from
# elsewhere. A script in the page needs the number that the page was sent with.
POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SCRIPT = re.compile(rb"<script(?=[\s>])")
# What NiceGUI shows until its programs run: ours is the page itself.
FALLBACK = re.compile(
    rb'<style>\s*#esm-fallback.*?</style>\s*<div id="esm-fallback">.*?</div>', re.S
)
APP = re.compile(rb'<div id="app"\s*></div>')


class Sending:
    """Passes on what NiceGUI answers, as we want it sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._packed: dict[str, Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in OWN:
            await self._own(path)(scope, receive, send)
        elif path.startswith("/_nicegui/"):
            await self._program(path, scope, receive, send)
        elif path.startswith("/_nicegui_ws/"):
            await _polled(self._app, scope, receive, send)
        else:
            answer = await _whole(self._app, scope, receive)
            await _page(answer, scope)(scope, receive, send)

    def _own(self, path: str) -> Response:
        name, kind = OWN[path]
        headers = {"Cache-Control": SHORT, "X-Content-Type-Options": "nosniff"}
        return Response((HERE / name).read_bytes(), media_type=kind, headers=headers)

    async def _program(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        packs = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        answer = self._packed.get(path) if packs else None
        if answer is None:
            answer = await _whole(self._app, scope, receive)
            kind = answer.headers.get("content-type", "")
            if answer.status_code == 200 and packs and kind.startswith("text/"):
                answer = await asyncio.to_thread(_pack, answer)
                self._packed[path] = answer
                for old in list(self._packed)[:-MOST]:
                    del self._packed[old]
        await answer(scope, receive, send)


async def _polled(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass on a question for news; engine.io does not bear one whose asker has left already."""
    first = await receive()
    if first["type"] == "http.disconnect":
        return
    heard = [first]

    async def again() -> Message:
        return heard.pop() if heard else await receive()

    await app(scope, again, send)


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """Return an app's answer as one piece."""
    start: Message = {}
    body = bytearray()

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, take)
    answer = Response(bytes(body), start["status"])
    kept = [one for one in start["headers"] if one[0] not in (b"content-length",)]
    answer.raw_headers = [*kept, (b"content-length", str(len(body)).encode())]
    return answer


def _pack(answer: Response) -> Response:
    body = bytes(answer.body)
    packed = gzip.compress(body, 6) if len(body) > SMALL else body
    found = Response(packed, media_type=answer.headers["content-type"])
    found.headers["Cache-Control"] = YEAR
    found.headers["X-Content-Type-Options"] = "nosniff"
    found.headers["Vary"] = "Accept-Encoding"
    if packed is not body:
        found.headers["Content-Encoding"] = "gzip"
    return found


def _page(answer: Response, scope: Scope) -> Response:
    """Give a page its policy, and the picture of it that is seen before a program has run.

    The picture cannot be clicked: nobody would hear it.
    """
    if "x-nicegui-content" not in answer.headers:
        return answer
    nonce = secrets.token_urlsafe(16)
    body = SCRIPT.sub(b'<script nonce="%b"' % nonce.encode(), bytes(answer.body))
    body = FALLBACK.sub(b"", body)
    first = "".join(scope["ostler.first"]).encode()
    body = APP.sub(
        lambda _: b'<div id="app"><div inert style="display: contents">%b</div></div>' % first, body
    )
    found = Response(body, answer.status_code, media_type="text/html")
    found.headers.update(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY.format(nonce=nonce),
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return found
