"""One file on its way into one partial file: each byte is received, hashed and written once.

Bytes are gathered into a block, and never read back. A block is hashed while it is written, and
the next one is received meanwhile. A large file comes through several connections at once (see
lanes.py). Whatever ends it, the bytes that were written stay, with a mark that the next attempt
can prove them by.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import cycle
from typing import TYPE_CHECKING

from ostler.core.blocks import BLOCK, Mark
from ostler.errors import OstlerError
from ostler.nouns import RemoteFile
from ostler.store.writing import ALIGNED, Pen, pages
from ostler.verbs.behind import Behind
from ostler.verbs.digest import Digest, mismatch
from ostler.verbs.progress import Step
from ostler.verbs.receiving import Line, Page, Receiver, Stopped, reader

if TYPE_CHECKING:
    from ostler.store.partial import Part

SMALL = 2**20  # bytes; a smaller file has a buffer of its own, and direct writes gain it nothing
BUFFERS = 8  # blocks in memory at once, of all files together: 64 MiB


class NoRanges(Exception):
    """The server gives the whole file whatever range is asked for."""


class Transfer(Receiver):
    """One file, received once from its proven beginning to its end."""

    def __init__(self, line: Line, file: RemoteFile, part: Part, lanes: int = 1) -> None:
        super().__init__(line, file)
        self.part, self.lanes = part, lanes
        self.digest = Digest(file)
        self._marked = 0  # up to where the journal goes

    def receive(self) -> Digest:
        """Return the digest of the whole file.

        Raises ChecksumMismatch, HubUnreachable, InsufficientDisk, Stopped.
        """
        self._take_up()
        pen = Pen(self.part.path, self.file.size, direct=self.file.size >= SMALL)
        try:
            if self.lanes > 1:
                self._through_lanes(pen)
            if self.digest.count < self.file.size:
                self._stream(pen, self.file.size)
        finally:
            pen.end(self.digest.count)
        self.digest.compare(self.file)
        return self.digest

    # --- what an earlier run left ----------------------------------------------------------

    def _take_up(self) -> None:
        """Hash what is here as far as the journal proves it, and forget the rest."""
        reading = Digest(self.file)
        with self._buffer() as buffer:
            for mark in self.part.marks():
                if mark.offset > self.file.size or not self._read(reading, mark.offset, buffer):
                    break
                if reading.sha256 != mark.sha256:
                    break
                self.digest = reading.copy()
        self.part.keep(self.digest.count)
        self._marked = self.digest.count
        self.spliced = self.digest.count > 0
        self.received = self.digest.count
        self.say(Step.RESUMED if self.spliced else Step.STARTED, self.digest.count)

    def _read(self, digest: Digest, until: int, buffer: memoryview) -> bool:
        """Hash the partial file up to `until`; say whether it reaches so far."""
        while digest.count < until:
            self.unless_stopped()
            window = buffer[: until - digest.count]
            count = os.preadv(self.part.fd, [window], digest.count)
            if not count:
                return False
            digest.update(window[:count])
            self.say(Step.PROGRESS, digest.count)
        return True

    # --- one connection --------------------------------------------------------------------

    def _through_lanes(self, pen: Pen) -> None:
        from ostler.verbs.lanes import Lanes

        if self.digest.count % BLOCK:
            self._stream(pen, min(self.file.size, self.digest.count // BLOCK * BLOCK + BLOCK))
        self.spliced = True
        with suppress(NoRanges):
            Lanes(self, pen, self.lanes).run()

    def _stream(self, pen: Pen, until: int) -> None:
        """Receive up to `until`, in order, through one connection at a time."""
        with self._buffer() as buffer, Behind() as self._behind:
            step = len(buffer) // 2 if self.file.size >= SMALL else len(buffer)
            self._halves = cycle([buffer[at : at + step] for at in range(0, len(buffer), step)])
            page = self._opened()
            try:
                self.persevere(page, until, lambda: self._attempt(pen, page, until))
            except BaseException:
                with suppress(OSError, OstlerError, Stopped):  # a full disk, most likely
                    self._settle(pen, page)
                raise

    def _opened(self) -> Page:
        """Return the half block that the next byte belongs to, with what is there of it."""
        buffer = next(self._halves)
        fill = self.digest.count % len(buffer)
        page = Page(buffer, self.digest.count - fill, fill)
        if fill:
            os.preadv(self.part.fd, [buffer[:fill]], page.base)
        return page

    def _attempt(self, pen: Pen, page: Page, until: int) -> None:
        end = None if until == self.file.size else until
        with self.line.source.open(self.line.listing, self.file, page.at, end) as body:
            self.accept(body)
            if body.start != page.at:
                self._begin_anew(page, body.start)
            readinto = reader(body)
            while page.at < until and self.fill(page, readinto, until):
                if page.fill == len(page.buffer):
                    self._commit(pen, page)
                    page.base, page.fill, page.buffer = page.at, 0, next(self._halves)
            if page.at < until:
                raise self.short(page.at)
            if until == self.file.size and body.size is None and readinto(memoryview(bytearray(1))):
                raise mismatch(self.file, f"{self.file.size} bytes", "more bytes")
        self._commit(pen, page)
        self._behind.wait()

    def _begin_anew(self, page: Page, start: int) -> None:
        """The server ignored the range and sends the file from its first byte."""
        if start != 0:
            raise mismatch(self.file, f"byte {page.at} next", f"byte {start}")
        self._behind.wait()
        self.part.keep(0)
        self.digest, self._marked = Digest(self.file), 0
        page.base = page.fill = self.received = 0
        self.say(Step.RESTARTED, 0, "the server does not resume files")

    def _commit(self, pen: Pen, page: Page) -> None:
        """Begin to write what was received, once all before it is written, and hash it."""
        buffer, fill, base = page.buffer, page.fill, page.base  # the page soon is the next one
        self._behind.begin(lambda: self.written(lambda: pen.write(buffer, fill, base)))
        self.digest.update(buffer[self.digest.count - base : fill])
        if self.digest.count % BLOCK == 0:
            mark = self.digest.mark
            self._behind.then(lambda: self._mark(mark))  # at once: others read up to there

    def _mark(self, mark: Mark) -> None:
        if self._marked < mark.offset < self.file.size:
            self.written(lambda: self.part.mark(mark))
            self._marked = mark.offset

    def _settle(self, pen: Pen, page: Page) -> None:
        """Keep the beginning of a block that will not be filled now."""
        self._commit(pen, page)
        self._behind.wait()
        self._mark(self.digest.mark)

    @contextmanager
    def _buffer(self) -> Iterator[memoryview]:
        """Lend one of the shared buffers; a small file gets its own, so that it never waits."""
        small = -(-self.file.size // ALIGNED) * ALIGNED
        lent = (
            self.line.buffers.lent(self.unless_stopped)
            if small >= SMALL
            else nullcontext(memoryview(pages(max(small, ALIGNED))))
        )
        with lent as buffer:
            yield buffer
