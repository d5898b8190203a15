"""The bytes of one file, whole or in part, sent without ever holding more than a chunk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostler.errors import OstlerError
from ostler.faces.hub import ranges
from ostler.faces.hub.desk import Desk
from ostler.faces.hub.ranges import Span
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import HubFile
from ostler.faces.hub.sending import Sender, sending
from ostler.verbs.arrive import Arrival


def give(desk: Desk, request: Request, rest: str) -> Response:
    """Return the file that `<revision>/<path>` names, from the disk or as it arrives.

    Raises Refusal, Moved.
    """
    repo, snapshot, file = desk.file(request, rest)
    arrival = None
    if file.location is None and request.method == "GET" and desk.outside:
        arrival = desk.outside.bring(repo, snapshot, file)
    return answer(request, file, snapshot.commit, arrival)


def answer(
    request: Request, file: HubFile, commit: str, arrival: Arrival | None = None
) -> Response:
    """Return the response to a GET or HEAD for this file. Raises Refusal (416)."""
    headers = file_headers(file, commit, attachment="download" in request.query_params)
    if ranges.unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    span = None
    if request.method == "GET" and ranges.still_wanted(request.headers.get("if-range"), file.etag):
        span = _span(request, file)
    if span is None:
        headers["Content-Length"] = str(file.size)
        return FileBody(file, Span(0, file.size, file.size), 200, headers, arrival)
    headers |= {"Content-Length": str(span.length), "Content-Range": span.content_range}
    return FileBody(file, span, 206, headers, arrival)


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

    def __init__(
        self,
        file: HubFile,
        span: Span,
        status: int,
        headers: Mapping[str, str],
        arrival: Arrival | None = None,
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self.file = file
        self.span = span
        self.arrival = arrival

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
        if self.arrival:
            await self.arrival.beyond(0 if self.file.size else -1)  # else the refusal is said
        with await run_in_threadpool(self._open) as file:
            await send(start)
            async with sending(scope, receive, send) as sender:
                if await self._sent(sender, file):
                    await send({"type": "http.response.body"})
                else:
                    sender.cut()

    async def _sent(self, sender: Sender, file: BinaryIO) -> bool:
        """Send the span as it becomes ready; False where it ends early."""
        at = self.span.start
        while at < self.span.end:
            try:
                ready = await self.arrival.beyond(at) if self.arrival else self.span.end
            except OstlerError:
                return False
            end = min(ready, self.span.end)
            if not await sender.send(file, at, end):
                return False
            at = end
        return True

    def _open(self) -> BinaryIO:
        return self.arrival.open() if self.arrival else _open(self.file)


def _open(file: HubFile) -> BinaryIO:
    assert file.location is not None
    try:
        opened = open(file.location, "rb", buffering=0)  # noqa: SIM115, the body closes it
    except OSError as error:
        raise Refusal(503, f"{file.path} cannot be read here: {error.strerror}") from None
    if os.fstat(opened.fileno()).st_size != file.size:
        opened.close()
        raise Refusal(503, f"{file.path} is being changed here", headers={"Retry-After": "1"})
    return opened
