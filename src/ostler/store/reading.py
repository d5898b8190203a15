"""Reading a large file once, in order: what is in memory from there, the rest past the page cache.

A cold file read through the page cache costs twice the processor's time that its hash does, and
pushes out what others had there (measured). A direct read costs nearly none; the next one is under
way while the last is hashed. Where the system has no such ways, it is read as ever.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from ostler.store.writing import REFUSED, pages

PIECE = 2**20  # bytes of one copy out of memory: as much as a processor's own cache holds
STEP = 2**22  # bytes of one direct read
STRETCH = 2**28  # bytes that are read directly before memory is asked again
NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


class Reading:
    """A file that is open to be read once."""

    def __init__(self, path: Path, stretch: int = STRETCH) -> None:
        """Raise OSError where it cannot be opened."""
        self._fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._fd).st_size
        large = NOWAIT is not None and self.size >= PIECE
        self._direct = _direct(path) if large else None
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="read")  # has no thread before use
        self._stretch = stretch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ahead.shutdown()
        for fd in (self._fd, self._direct):
            if fd is not None:
                os.close(fd)

    def pieces(self) -> Iterator[memoryview]:
        """Yield all bytes in order; each piece is good until the next one is asked for.

        Raises OSError.
        """
        at = 0
        if self._direct is not None:
            view = memoryview(pages(PIECE))
            halves = [memoryview(pages(STEP)) for _ in range(2)]  # no memory before they are used
            while at < self.size:
                if count := self._in_memory(view, at):
                    yield view[:count]
                    at += count
                    continue
                begun = at
                for piece in self._past_memory(self._direct, at, halves):
                    yield piece
                    at += len(piece)
                if at == begun:
                    break  # it is shorter by now, or cannot be read so
        yield from self._plain(at)

    def _in_memory(self, view: memoryview, at: int) -> int:
        """Copy what is in memory there; 0 where the disk would have to be asked."""
        assert NOWAIT is not None
        try:
            return os.preadv(self._fd, [view], at, NOWAIT)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, *REFUSED):
                raise
            return 0

    def _past_memory(self, fd: int, at: int, halves: list[memoryview]) -> Iterator[memoryview]:
        """Yield a stretch of the file from `at` on; nothing where it cannot be read so."""
        end, full = at + self._stretch, True
        task = self._ahead.submit(os.preadv, fd, [halves[0]], at)
        while full and at < end:
            try:
                count = task.result()
            except OSError as error:
                if error.errno in REFUSED:
                    return
                raise
            full, at, done = count == STEP, at + count, halves[0][:count]
            halves.reverse()
            if full and at < end:
                task = self._ahead.submit(os.preadv, fd, [halves[0]], at)
            yield done

    def _plain(self, at: int) -> Iterator[memoryview]:
        view = memoryview(pages(PIECE))
        if hasattr(os, "posix_fadvise"):  # the system reads ahead: the disk works while we hash
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        os.lseek(self._fd, at, os.SEEK_SET)
        while count := os.readv(self._fd, [view]):
            yield view[:count]


def _direct(path: Path) -> int | None:
    flag = getattr(os, "O_DIRECT", 0)
    try:
        return os.open(path, os.O_RDONLY | flag) if flag else None
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        return None
