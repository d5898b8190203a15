"""The bytes of one file, whole or in part, sent without ever holding more than a chunk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostler.faces.hub import ranges
from ostler.faces.hub.ranges import Span
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import HubFile
from ostler.faces.hub.sending import FileSender, sender

# Bytes per read: each read is one trip to a thread, so small chunks cost more than they save.
CHUNK = 1024 * 1024


def answer(request: Request, file: HubFile, commit: str) -> Response:
    """Return the response to a GET or HEAD for this file. Raises Refusal (416)."""
    headers = file_headers(file, commit, attachment="download" in request.query_params)
    if ranges.unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    span = None
    if request.method == "GET" and ranges.still_wanted(request.headers.get("if-range"), file.etag):
        span = _span(request, file)
    if span is None:
        headers["Content-Length"] = str(file.size)
        return FileBody(file, Span(0, file.size, file.size), 200, headers)
    headers |= {"Content-Length": str(span.length), "Content-Range": span.content_range}
    return FileBody(file, span, 206, headers)


def file_headers(file: HubFile, commit: str, attachment: bool = False) -> dict[str, str]:
    """Return what a client reads of a file before its bytes."""
    name = file.path.rpartition("/")[2]
    simple = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    headers = {
        "X-Repo-Commit": commit,
        "ETag": f'"{file.etag}"',
        "X-Linked-Etag": f'"{file.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{'attachment' if attachment else 'inline'}; "
        f"filename*=UTF-8''{quote(name, safe='')}; filename=\"{simple}\";",
        # a model's files are data: a browser must not run what it finds in them
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": "application/octet-stream" if file.sha256 else "text/plain; charset=utf-8",
    }
    return headers | ({"X-Linked-Size": str(file.size)} if file.sha256 else {})


def _span(request: Request, file: HubFile) -> Span | None:
    try:
        return ranges.asked(request.headers.get("range"), file.size)
    except ranges.Unsatisfiable:
        raise Refusal(
            416,
            f"{file.path} has {file.size} bytes; the range lies outside",
            headers={"Content-Range": f"bytes */{file.size}"},
        ) from None


class FileBody(Response):
    """One span of one file. The descriptor is its own, so readers do not disturb each other."""

    def __init__(self, file: HubFile, span: Span, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self.file = file
        self.span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body"})
            return
        file = await run_in_threadpool(_open, self.file)
        with file:
            await send(start)
            kernel = sender(scope)
            if kernel:
                await self._send_by_kernel(kernel, file, send)
            else:
                await self._send_chunks(file, receive, send)

    async def _send_by_kernel(self, kernel: FileSender, file: BinaryIO, send: Send) -> None:
        if await kernel(file, self.span.start, self.span.end):
            await send({"type": "http.response.body"})

    async def _send_chunks(self, file: BinaryIO, receive: Receive, send: Send) -> None:
        left = asyncio.ensure_future(_left(receive))
        try:
            await self._send_bytes(file.fileno(), left, send)
        finally:
            left.cancel()

    async def _send_bytes(self, descriptor: int, left: asyncio.Future[None], send: Send) -> None:
        at = self.span.start
        while not left.done():
            count = min(CHUNK, self.span.end - at)
            chunk = await run_in_threadpool(os.pread, descriptor, count, at)
            at += len(chunk)
            if not chunk and count:
                return  # the file shrank; an unfinished answer closes the connection
            more = at < self.span.end
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
            if not more:
                return


def _open(file: HubFile) -> BinaryIO:
    try:
        opened = open(file.location, "rb", buffering=0)  # noqa: SIM115, the body closes it
    except OSError as error:
        raise Refusal(503, f"{file.path} cannot be read here: {error.strerror}") from None
    if os.fstat(opened.fileno()).st_size != file.size:
        opened.close()
        raise Refusal(503, f"{file.path} is being changed here", headers={"Retry-After": "1"})
    return opened


async def _left(receive: Receive) -> None:
    """Return once the client has gone: the server swallows what is sent after that."""
    while (await receive())["type"] != "http.disconnect":
        pass
