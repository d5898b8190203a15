"""Two ways to send a part of a file: by the kernel alone (sendfile), or in chunks.

ASGI has no message for the first that uvicorn knows, so the hub's connections carry one of their
own: a `KernelSender` among the extensions of each request. Under another server there is none,
and chunks are sent.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

EXTENSION = "ostler.sendfile"
# Bytes before the others get their turn: a client that reads as fast as we send could otherwise
# hold the loop for a whole file. nginx does the same (sendfile_max_chunk, 2 MiB).
TURN = 1024 * 1024
BUSY = 32  # large files that threads send at once; the loop sends what is more
STOP_AFTER = 500  # milliseconds until a thread notices that nobody wants its bytes any more
THREADS = threading.BoundedSemaphore(BUSY)
POOL = ThreadPoolExecutor(BUSY, thread_name_prefix="sendfile")
# Bytes per read: each read is one trip to a thread, so small chunks cost more than they save.
CHUNK = 1024 * 1024


class Sender(Protocol):
    """Sends parts of files as the body of one answer whose head has been sent."""

    async def send(self, file: BinaryIO, start: int, end: int) -> bool:
        """Send from `start` to before `end`; False where the client or the file ends early."""
        ...

    def cut(self) -> None:
        """Give the answer up: the client must see that it is not whole."""
        ...


@asynccontextmanager
async def sending(scope: Scope, receive: Receive, send: Send) -> AsyncIterator[Sender]:
    """Give the best way to send files that this request's server has."""
    kernel = (scope.get("extensions") or {}).get(EXTENSION)
    if isinstance(kernel, KernelSender):
        yield kernel
        return
    left = asyncio.ensure_future(_left(receive))
    try:
        yield ChunkSender(send, left)
    finally:
        left.cancel()


@dataclass(frozen=True, slots=True)
class KernelSender:
    """From the page cache to the socket, without a copy through this process."""

    cycle: RequestResponseCycle
    loop: asyncio.AbstractEventLoop

    async def send(self, file: BinaryIO, start: int, end: int) -> bool:
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_SEQUENTIAL)
        at = start
        while at < end and not self.cycle.transport.is_closing():
            sent = await self._turn(file, at, min(TURN, end - at))
            if sent and at + sent < end and THREADS.acquire(blocking=False):
                try:
                    sent += await self._in_thread(file, at + sent, end)
                finally:
                    THREADS.release()
            if not sent:
                return False  # the client has gone, or the file shrank
            self.cycle.expected_content_length -= sent
            at += sent
        return at == end

    async def _turn(self, file: BinaryIO, at: int, count: int) -> int:
        """Send a part in the loop, after what was written before; return how much went."""
        transport = self.cycle.transport
        try:
            sent = await self.loop.sendfile(transport, file, at, count, fallback=False)
        except (OSError, asyncio.SendfileNotAvailableError):
            return 0  # before the first byte asyncio says so of a client that has gone
        await asyncio.sleep(0)
        return sent

    async def _in_thread(self, file: BinaryIO, at: int, end: int) -> int:
        """Send the rest of a large part in a thread; return how much went.

        The loop needs about 60 us each time that the socket takes more, a thread a few.
        """
        transport = self.cycle.transport
        line = os.dup(transport.get_extra_info("socket").fileno())
        reading, stopped = transport.is_reading(), threading.Event()
        transport.pause_reading()
        try:
            return await self.loop.run_in_executor(POOL, _push, line, file, at, end, stopped)
        except asyncio.CancelledError:
            stopped.set()
            raise
        finally:
            if reading and not transport.is_closing():
                transport.resume_reading()

    def cut(self) -> None:
        self.cycle.disconnected = True  # uvicorn would report an answer cut short as our error
        self.cycle.transport.abort()


@dataclass(frozen=True, slots=True)
class ChunkSender:
    """Through this process, one chunk at a time, for servers that know nothing better."""

    to_client: Send
    left: asyncio.Future[None]

    async def send(self, file: BinaryIO, start: int, end: int) -> bool:
        at = start
        while at < end and not self.left.done():
            count = min(CHUNK, end - at)
            chunk = await run_in_threadpool(os.pread, file.fileno(), count, at)
            if not chunk:
                return False  # the file shrank
            await self.to_client({"type": "http.response.body", "body": chunk, "more_body": True})
            at += len(chunk)
        return at == end

    def cut(self) -> None:
        """An answer that is not finished closes the connection by itself."""


class SendfileProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with a `KernelSender` in each request's extensions."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # requests that follow each other without waiting have cycles of their own
        if self.cycle is not None and self.cycle.scope is self.scope:
            sender = KernelSender(self.cycle, self.loop)
            cast(dict[str, Any], self.scope)["extensions"] = {EXTENSION: sender}


def _push(line: int, file: BinaryIO, start: int, end: int, stopped: threading.Event) -> int:
    """Hand the kernel a part of a file as fast as the socket takes it; close `line` after."""
    at, ready = start, select.poll()
    ready.register(line, select.POLLOUT)
    try:
        while at < end and not stopped.is_set():
            try:
                sent = os.sendfile(line, file.fileno(), at, min(TURN, end - at))
            except BlockingIOError:
                ready.poll(STOP_AFTER)
                continue
            if not sent:
                break
            at += sent
    except OSError:  # the client has gone; what it got is counted all the same
        return at - start
    finally:
        os.close(line)
    return at - start


async def _left(receive: Receive) -> None:
    """Return once the client has gone: the server swallows what is sent after that."""
    while (await receive())["type"] != "http.disconnect":
        pass
