"""Bytes that are on their way: `partial/<key>.part`, resumable by anyone who wants the same.

The key is the content's hash, so a second process, another mirror or another repository with
the same file goes on where the first one stopped. The lock is the file itself. Beside it,
`<key>.marks` is a journal: an offset and the sha256 of all bytes before it, line by line. What
no mark covers, or what no longer has a mark's hash, was never known to be right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ostler.core import blocks, hashes
from ostler.core.blocks import Mark
from ostler.store import durable, locks


class Part:
    """One open partial file, locked against every other writer."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self.fd = path, fd
        self._journal = _journal(path)

    @property
    def size(self) -> int:
        return os.fstat(self.fd).st_size

    def marks(self) -> tuple[Mark, ...]:
        """Return what the journal says of the bytes that are here."""
        return _marks(self._journal)

    def mark(self, mark: Mark) -> None:
        """Add a line to the journal; the bytes before it are written already."""
        with open(self._journal, "a", encoding="ascii") as journal:
            journal.write(f"{mark.offset} {mark.sha256}\n")

    def keep(self, proven: int) -> None:
        """Forget the marks beyond this offset."""
        marks = self.marks()
        if kept := [mark for mark in marks if mark.offset <= proven]:
            if len(kept) < len(marks):
                lines = "".join(f"{mark.offset} {mark.sha256}\n" for mark in kept)
                durable.write(self._journal, lines.encode())
        else:
            self._journal.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the file: its bytes are known to be wrong, or are kept elsewhere."""
        self.path.unlink(missing_ok=True)
        self.done()

    def done(self) -> None:
        """Remove the journal: the file has become a blob."""
        self._journal.unlink(missing_ok=True)


class Partials:
    """The folder of unfinished files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def open(
        self, key: str, on_wait: Callable[[], None] | None = None, wait: bool = True
    ) -> Iterator[Part]:
        """Open the partial file of a content and lock it, waiting for another writer.

        Whoever waited finds the file renamed away or removed by the one before; the caller asks
        the blobs again once it holds the lock. Raises Busy without `wait`.
        """
        path = self._path(key)
        durable.folder(self.root)
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                locks.take(fd, wait=wait, on_wait=on_wait, what=key[:12])
                if _same_file(path, fd):
                    yield Part(path, fd)
                    return
            finally:
                os.close(fd)

    def size(self, key: str) -> int:
        """Return how many bytes of a content are here and marked; the next pull proves them."""
        path = self._path(key)
        try:
            there = path.stat().st_size
        except FileNotFoundError:
            return 0
        marked = [mark.offset for mark in _marks(_journal(path)) if mark.offset <= there]
        return max(marked, default=0)

    def allocated(self, key: str) -> int:
        """Return the bytes that a partial file takes on the disk already."""
        try:
            return self._path(key).stat().st_blocks * 512  # POSIX's unit
        except FileNotFoundError:
            return 0

    def purge(self, key: str) -> int:
        """Remove an unfinished file; return the bytes freed. Raises Busy while one writes it."""
        if not self._path(key).exists():
            return 0
        freed = self.allocated(key)
        with self.open(key, wait=False) as part:
            part.discard()
        return freed

    def names(self) -> list[str]:
        """Return the keys of all unfinished files; files with other names are not ours."""
        found = (path.stem for path in self.root.glob("*.part"))
        return sorted(key for key in found if hashes.KEY.fullmatch(key))

    def _path(self, key: str) -> Path:
        if not hashes.KEY.fullmatch(key):
            raise ValueError(f"not the hash of a content: {key!r}")
        return self.root / f"{key}.part"


def _journal(path: Path) -> Path:
    return path.with_suffix(".marks")


def _marks(journal: Path) -> tuple[Mark, ...]:
    try:
        return blocks.marks(journal.read_text(encoding="ascii", errors="replace"))
    except FileNotFoundError:
        return ()


def _same_file(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
