"""File hashes, computed once and remembered until the file changes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from ostler.core import git
from ostler.store import durable

CHUNK = 1024 * 1024

Seen = tuple[int, int, int]  # size, mtime in nanoseconds, inode: a change alters one of them


class HashMemory:
    """Remembers the hash of each file, in a file of its own where it is given a place for one."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place
        self._known: dict[str, tuple[Seen, str]] = _load(place) if place else {}
        self._computing = threading.Lock()
        self._unsaved = False

    def sha256(self, path: str, stat: os.stat_result) -> str:
        return self._hash("sha256", path, stat)

    def git_sha1(self, path: str, stat: os.stat_result) -> str:
        return self._hash("git_sha1", path, stat)

    def save(self) -> None:
        """Write what was learned since the last save; whole or not at all."""
        with self._computing:
            if self.place is None or not self._unsaved:
                return
            durable.tell(self.place, json.dumps(self._known))
            self._unsaved = False

    def _hash(self, kind: str, path: str, stat: os.stat_result) -> str:
        seen = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        key = f"{kind}:{path}"
        known = self._known.get(key)
        if known and known[0] == seen:
            return known[1]
        with self._computing:  # one at a time: two readers would only fight for the disk
            known = self._known.get(key)
            if known is None or known[0] != seen:
                known = (seen, _compute(kind, path, stat.st_size))
                self._known[key] = known
                self._unsaved = True
        return known[1]


def _compute(kind: str, path: str, size: int) -> str:
    hasher = hashlib.sha256() if kind == "sha256" else git.blob_hasher(size)
    buffer = memoryview(bytearray(CHUNK))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
    return hasher.hexdigest()


def _load(place: Path) -> dict[str, tuple[Seen, str]]:
    try:
        saved = json.loads(place.read_bytes())
        return {
            str(key): ((int(size), int(mtime), int(inode)), str(digest))
            for key, ((size, mtime, inode), digest) in saved.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        return {}  # a memory that cannot be read is forgotten; the files are hashed again
