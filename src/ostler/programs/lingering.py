"""How long an engine waits for a next server once its own has died.

Whoever answers for an engine holds a lock on a file of its own, named in `OSTLER_LINGER` as
`SECONDS:PATH`. Nothing has to be told at a death: the system lets go of a dead one's locks. Nobody
holding it for so many seconds means that nobody will come. While the file is empty the engine has
not been written down as one that runs: nobody would find it, so it does not wait at all.
"""

from __future__ import annotations

import os
import time


class Lingering:
    """Watches over one lock."""

    def __init__(self, seconds: float, path: str) -> None:
        self._seconds, self._path = seconds, path
        self._alone_since: float | None = None

    def is_over(self) -> bool:
        """Look, about once a second; say whether nobody has answered for us for too long."""
        if is_held(self._path):
            self._alone_since = None
            return False
        if self._alone_since is None:
            self._alone_since = time.monotonic()
        if is_empty(self._path):
            return True
        return time.monotonic() - self._alone_since >= self._seconds


def from_environment() -> Lingering | None:
    """Return what the one who started us wishes; None: that we end with it."""
    said = os.environ.get("OSTLER_LINGER", "")
    seconds, _, path = said.partition(":")
    return Lingering(float(seconds), path) if path else None


def is_empty(path: str) -> bool:
    """Say whether nothing is in the file, or it is gone."""
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return True


def is_held(path: str) -> bool:
    """Say whether anybody holds the lock; a file that is gone nobody does."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
