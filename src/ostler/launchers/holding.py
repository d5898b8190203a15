"""The locks by which engines know that somebody answers for them; see `programs.lingering`."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ostler.errors import EngineFailed
from ostler.launchers.logs import PRIVATE_FILE, PRIVATE_FOLDER

LOOKS, PAUSE = 50, 0.002  # an engine that looks whether the lock is held holds it for a moment


class Held:
    """One engine's lock, held from now until we let go or die."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises EngineFailed where another server holds it."""
        import fcntl

        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        for _ in range(LOOKS):
            with suppress(BlockingIOError):
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(PAUSE)
        os.close(self._fd)
        raise EngineFailed(f"Another server answers for the engine of {path}.", cause="held")

    def is_known(self) -> None:
        """The engine runs and was written down: from now on it is worth waiting for."""
        os.pwrite(self._fd, b"runs\n", 0)

    def let_go(self) -> None:
        """The engine has ended."""
        if self._fd >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class Lasting:
    """That engines outlive who started them, for so many seconds, and where their locks are."""

    folder: Path
    seconds: float

    def hold(self, port: int) -> Held:
        """Take the lock of the engine that listens there. Raises EngineFailed."""
        return Held(self.folder / f"{port}.lock")

    def environment(self, held: Held) -> dict[str, str]:
        """Return what tells an engine of its lock."""
        return {"OSTLER_LINGER": f"{self.seconds:g}:{held.path}"}
