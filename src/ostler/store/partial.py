"""Bytes that are on their way: `partial/<key>.part`, resumable by anyone who wants the same.

The key is the content's hash, so a second process, another mirror or another repository with
the same file goes on where the first one stopped. The lock is the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ostler.store import durable, locks


class Part:
    """One open partial file, locked against every other writer."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self.fd = path, fd

    @property
    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def truncate(self, size: int = 0) -> None:
        """Forget what follows after this many bytes, and write there next."""
        os.ftruncate(self.fd, size)
        os.lseek(self.fd, size, os.SEEK_SET)

    def discard(self) -> None:
        """Remove the file: its bytes are known to be wrong."""
        self.path.unlink(missing_ok=True)


class Partials:
    """The folder of unfinished files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def open(self, key: str, on_wait: Callable[[], None] | None = None) -> Iterator[Part]:
        """Open the partial file of a content and lock it, waiting for another writer.

        Whoever waited finds the file renamed away or removed by the one before; the caller asks
        the blobs again once it holds the lock.
        """
        durable.folder(self.root)
        path = self.root / f"{key}.part"
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                locks.take(fd, on_wait=on_wait)
                if _same_file(path, fd):
                    yield Part(path, fd)
                    return
            finally:
                os.close(fd)

    def size(self, key: str) -> int:
        """Return how many bytes of a content are on the disk already."""
        try:
            return (self.root / f"{key}.part").stat().st_size
        except FileNotFoundError:
            return 0

    def names(self) -> list[str]:
        """Return the keys of all unfinished files."""
        return sorted(path.stem for path in self.root.glob("*.part"))


def _same_file(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
