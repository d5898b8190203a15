"""Several connections for one large file: ranges received side by side, hashed in order.

Each lane takes the next block, receives it, has it written where it belongs and hands it over.
Blocks are hashed in the order of the file, by whichever lane completes the row, and marked once
they are written, too. The shared buffers bound how far ahead a lane can get: it takes a buffer
before it takes a block, so the block that everyone waits for always has one.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from ostler.core.blocks import BLOCK
from ostler.verbs.digest import mismatch
from ostler.verbs.receiving import Page, Stopped, reader
from ostler.verbs.transfer import NoRanges, Transfer

if TYPE_CHECKING:
    from ostler.store.writing import Pen


class Lanes:
    """The lanes of one transfer, from where its digest stands to the end of the file."""

    def __init__(self, transfer: Transfer, pen: Pen, count: int) -> None:
        self._transfer, self._pen, self._count = transfer, pen, count
        self._lock = threading.Lock()
        self._next = transfer.digest.count  # the block that the next lane takes
        self._ready: dict[int, tuple[Page, Future[None]]] = {}  # not yet hashed; its write
        self._hashing = False
        self._halt = threading.Event()

    def run(self) -> None:
        """Receive the rest of the file. Raises what Transfer.receive raises, and NoRanges."""
        with (
            ThreadPoolExecutor(self._count, thread_name_prefix="write") as writers,
            ThreadPoolExecutor(self._count, thread_name_prefix="lane") as pool,
        ):
            tasks = [pool.submit(self._lane, writers) for _ in range(self._count)]
            try:
                wait(tasks, return_when=FIRST_EXCEPTION)
            finally:
                self._halt.set()
        for page, _ in self._ready.values():
            self._transfer.line.buffers.put(page.buffer)
        failures = [error for task in tasks if (error := task.exception())]
        if failures:
            raise min(failures, key=_weight)

    def _lane(self, writers: ThreadPoolExecutor) -> None:
        buffers = self._transfer.line.buffers
        while True:
            buffer = buffers.take(self._unless_halted)
            try:
                page = self._take(buffer)
                if page is None:
                    return
                self._receive(page)
            except BaseException:
                page = None
                raise
            finally:
                if page is None:
                    buffers.put(buffer)
            self._hash(page, writers.submit(self._write, page))

    def _take(self, buffer: memoryview) -> Page | None:
        with self._lock:
            if self._next >= self._transfer.file.size:
                return None
            page = Page(buffer, self._next)
            self._next += BLOCK
        return page

    def _receive(self, page: Page) -> None:
        until = min(page.base + BLOCK, self._transfer.file.size)
        self._transfer.persevere(page, until, lambda: self._attempt(page, until))

    def _write(self, page: Page) -> None:
        self._transfer.written(lambda: self._pen.write(page.buffer, page.fill, page.base))

    def _attempt(self, page: Page, until: int) -> None:
        transfer = self._transfer
        with transfer.line.source.open(
            transfer.line.listing, transfer.file, page.at, until
        ) as body:
            transfer.accept(body)
            if body.start != page.at:
                if body.start == 0:
                    raise NoRanges
                raise mismatch(transfer.file, f"byte {page.at} next", f"byte {body.start}")
            readinto = reader(body)
            while page.at < until:
                self._unless_halted()
                if not transfer.fill(page, readinto, until):
                    raise transfer.short(page.at)

    def _hash(self, page: Page, write: Future[None]) -> None:
        """Hash what is next in the file; one lane at a time does it, the others go on."""
        with self._lock:
            self._ready[page.base] = page, write
            if self._hashing:
                return
            self._hashing = True
        while True:
            with self._lock:
                following = self._ready.pop(self._transfer.digest.count, None)
                if following is None:
                    self._hashing = False
                    return
            page, write = following
            try:
                self._transfer.digest.update(page.buffer[: page.fill])
                write.result()
                self._mark()
            finally:
                self._transfer.line.buffers.put(page.buffer)

    def _mark(self) -> None:
        digest = self._transfer.digest
        if digest.count < self._transfer.file.size:
            self._transfer.written(lambda: self._transfer.part.mark(digest.mark))

    def _unless_halted(self) -> None:
        self._transfer.unless_stopped()
        if self._halt.is_set():
            raise Stopped


def _weight(failure: BaseException) -> int:
    """Order failures by what must be told: a write that failed, before a server without ranges."""
    return 2 if isinstance(failure, Stopped) else int(isinstance(failure, NoRanges))
