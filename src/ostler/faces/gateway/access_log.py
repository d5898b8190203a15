"""The access log: a JSON object for each ended request, without prompts, answers or keys."""

from __future__ import annotations

import os
from queue import SimpleQueue
from threading import Thread

MOST = 64 * 1024 * 1024  # bytes that may wait for a slow disk; beyond it lines are dropped
PATIENCE = 5.0  # seconds for which the end waits for a disk that stalls


class AccessLog:
    """Appends lines to a file, from a thread: a disk that stalls holds no stream up."""

    def __init__(self) -> None:
        self._writer: _Writer | None = None

    @property
    def is_on(self) -> bool:
        """Say whether anything is written."""
        return self._writer is not None

    def open(self, path: str) -> None:
        """Write to this file from now on; the same path is opened anew, as log rotation needs.

        Raises OSError.
        """
        self.close()
        if path:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._writer = _Writer(os.open(path, flags, 0o640))

    def append(self, lines: bytes) -> None:
        """Append whole lines, soon."""
        if self._writer is not None:
            self._writer.take(lines)

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._writer is not None:
            self._writer.end()
            self._writer = None


class _Writer:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._taken = self._done = 0  # bytes; each is written by one of the two threads only
        self._thread = Thread(target=self._write, daemon=True)
        self._thread.start()

    def take(self, lines: bytes) -> None:
        if self._taken - self._done < MOST:
            self._taken += len(lines)
            self._lines.put(lines)

    def end(self) -> None:
        self._lines.put(b"")
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            os.close(self._fd)

    def _write(self) -> None:
        while lines := self._lines.get():
            rest = memoryview(lines)
            while rest:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except OSError:  # a full disk, say: these lines are lost, later ones may not be
                    break
            self._done += len(lines)
