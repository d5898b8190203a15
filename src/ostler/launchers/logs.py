"""Logs of engines: the owner's only, bounded in size, the older parts kept under `.1` and `.2`.

A process writes into its log itself and holds it open, so that one is copied and emptied; what a
container says goes through us, so that one is renamed. On a full disk lines are lost and nothing
else: an engine does not end for want of a log.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from ostler.errors import EngineFailed

LIMIT = 16 << 20  # bytes of one part
KEPT = 2  # older parts
LOOK_EVERY = 5.0  # seconds; a chatty engine writes a few hundred kilobytes in that time
PIECE = 1 << 20
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def opened(path: str, argv: Sequence[str], within: str = "") -> int:
    """Open a log for appending, with a first line that says what is started; return its number.

    Raises EngineFailed where no log can be made at all.
    """
    try:
        os.makedirs(os.path.dirname(path) or ".", PRIVATE_FOLDER, exist_ok=True)
        if size_of(path) > LIMIT:
            shift(path)
            os.replace(path, f"{path}.1")
        log = _private(path, os.O_APPEND)
    except OSError as error:
        raise EngineFailed(
            f"The engine's log {path} cannot be opened: {error.strerror}.",
            hint="`ostler doctor` looks at the disk and at the rights of its folders.",
            cause="no_log",
        ) from None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    where = f" in a container of {within}" if within else ""
    with suppress(OSError):
        os.write(log, f"=== {now} ostler starts{where}: {shlex.join(argv)}\n".encode())
    return log


def say(path: str, text: str) -> None:
    """Append a line of ours that is a part of what happened."""
    with suppress(OSError):
        log = _private(path, os.O_APPEND)
        try:
            os.write(log, f"ostler: {text}\n".encode())
        finally:
            os.close(log)


async def bounded(path: str, ended: Awaitable[object]) -> None:
    """Keep a log that a process writes within its limit until the process has ended."""
    end = asyncio.ensure_future(ended)
    try:
        while not end.done():
            await asyncio.wait({end}, timeout=LOOK_EVERY)
            if size_of(path) > LIMIT:
                await asyncio.to_thread(cut, path)
    finally:
        end.cancel()


def cut(path: str) -> None:
    """Copy a log aside and empty it; what is written in the instant between the two is lost.

    It is emptied also where there is no room for the copy.
    """
    with suppress(OSError):
        shift(path)
        with open(path, "rb") as log, open(_private(f"{path}.1", os.O_TRUNC), "wb") as kept:
            while piece := log.read(PIECE):
                kept.write(piece)
    with suppress(FileNotFoundError):
        os.truncate(path, 0)


def shift(path: str) -> None:
    """Make room for a new `.1`: each older part gets the next number, the last is dropped."""
    for number in range(KEPT - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")


def size_of(path: str) -> int:
    """Return a log's size in bytes; 0 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def changed_at(path: str) -> float:
    """Return when a log was last written, in seconds since 1970; 0 where there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def _private(path: str, how: int) -> int:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | how, PRIVATE_FILE)
    os.fchmod(log, PRIVATE_FILE)
    return log


class Log:
    """A log that we write."""

    def __init__(self, path: str, limit: int = LIMIT) -> None:
        self.path, self._limit = path, limit
        self._file = _private(path, os.O_APPEND)

    def write(self, text: bytes) -> None:
        """Append; a log that has become too long is put aside first."""
        with suppress(OSError):
            if os.fstat(self._file).st_size > self._limit:
                shift(self.path)
                os.replace(self.path, f"{self.path}.1")
                fresh = _private(self.path, os.O_APPEND)
                os.close(self._file)
                self._file = fresh
            os.write(self._file, text)

    def say(self, text: str) -> None:
        """Append a line of ours that is a part of what happened."""
        self.write(f"ostler: {text}\n".encode())

    def close(self) -> None:
        """Write nothing more."""
        os.close(self._file)
