"""The access log: a JSON object for each ended request, without prompts, answers or keys."""

from __future__ import annotations

import os

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One ended request. Times are seconds, sizes bytes; `key` is the key's name."""

    at: float  # seconds since 1970
    method: str
    path: str
    model: str  # from here on as in `messages.Done`
    backend: str
    status: int
    seconds: float
    ttft: float | None
    bytes_in: int
    bytes_out: int
    prompt_tokens: int | None
    completion_tokens: int | None
    key: str
    request_id: str


class AccessLog:
    """Collects entries and appends them together, so that a request costs no write of its own."""

    MOST = 10_000  # entries kept between two writes; beyond it they are dropped

    def __init__(self) -> None:
        self._path = ""
        self._fd = -1
        self._entries: list[Entry] = []
        self._encoder = msgspec.json.Encoder()

    @property
    def is_on(self) -> bool:
        """Say whether anything is written."""
        return self._fd >= 0

    def open(self, path: str) -> None:
        """Write to this file from now on; the same path is opened anew, as log rotation needs."""
        self.close()
        self._path = path
        if path:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o640)

    def note(self, entry: Entry) -> bool:
        """Keep an entry until the next write; say whether it is the first since the last."""
        if len(self._entries) < self.MOST:
            self._entries.append(entry)
        return len(self._entries) == 1

    def write(self) -> None:
        """Append what was noted, whole lines in one write."""
        entries, self._entries = self._entries, []
        if self._fd >= 0 and entries:
            os.write(self._fd, self._encoder.encode_lines(entries))

    def close(self) -> None:
        """Write what is left and close the file."""
        self.write()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
