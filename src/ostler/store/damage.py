"""What a verification found wrong: `damaged/<sha256>` marks a content until it is another file.

A mark names the inode and the time of the last change of what was read. Whatever mends or replaces
the content changes one of them, so a mark never outlives the damage.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ostler.store import durable
from ostler.store.blobs import Blobs


class Damage:
    """The marks of one store."""

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self._root, self._blobs = root, blobs

    def found(self, sha256s: Iterable[str]) -> None:
        """Mark contents that do not have their hash."""
        for sha256 in sha256s:
            if state := self._state(sha256):
                durable.write(self._root / sha256, state.encode())

    def of(self, sha256s: Iterable[str]) -> frozenset[str]:
        """Return those that are marked, and still are what was found wrong."""
        if not self._root.exists():
            return frozenset()
        return frozenset(one for one in sha256s if self._marked(one))

    def _marked(self, sha256: str) -> bool:
        place = self._root / sha256
        try:
            mark = place.read_text("ascii")
        except FileNotFoundError:
            return False
        if mark == self._state(sha256):
            return True
        place.unlink(missing_ok=True)
        return False

    def _state(self, sha256: str) -> str:
        try:
            found = self._blobs.path(sha256).stat()
        except FileNotFoundError:
            return ""
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"
