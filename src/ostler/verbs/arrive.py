"""Files on their way in from another hub, readable by many while they grow.

They come in by the one way that every pull goes. Its journal says how many bytes are written and
hashed, in order, so readers follow close behind. The last bytes are held back until the whole is
proven: nobody is ever given the whole of a wrong file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ostler.errors import OstlerError

PATIENCE = 0.25  # seconds that a reader waits to be told before it looks for itself
HELD_BACK = 4096  # bytes at the end that wait for the proof

Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Arrival:
    """How much of one file is here, and where. Written by one thread, followed by any loop."""

    def __init__(self, size: int, look: Callable[[Arrival], None] = lambda arrival: None) -> None:
        """`look` calls `grow` with what is there now; readers use it when they hear nothing."""
        self.size = size
        self._look = look
        self._looked = 0.0
        self._lock = threading.Lock()
        self._ready = 0
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._error: OstlerError | None = None
        self._waiting: list[Waiting] = []

    @property
    def failed(self) -> bool:
        return self._error is not None

    async def beyond(self, at: int) -> int:
        """Return how many bytes may be given, once that is more than `at`.

        Raises what ended the download.
        """
        while True:
            news = asyncio.Event()
            with self._lock:
                if self._error:
                    raise self._error
                if self._ready > at or self._path:
                    return self._ready
                self._waiting.append((asyncio.get_running_loop(), news))
            try:
                await asyncio.wait_for(news.wait(), PATIENCE)
            except TimeoutError:
                await asyncio.to_thread(self._look_again)

    def _look_again(self) -> None:
        with self._lock:
            if self._path or self._error or time.monotonic() < self._looked + PATIENCE:
                return  # another reader has just looked
            self._looked = time.monotonic()
        self._look(self)

    def open(self) -> BinaryIO:
        """Open the bytes, wherever they are by now; `beyond` must have returned before."""
        with self._lock:
            if self._path:
                return open(self._path, "rb", buffering=0)
            assert self._file is not None
            return os.fdopen(os.dup(self._file.fileno()), "rb", buffering=0)

    def grow(self, proven: int, part: Path) -> None:
        """Let the readers have so many bytes of the partial file, save the last of it."""
        ready = min(proven, self.size - HELD_BACK)
        with self._lock:
            if ready <= self._ready or self._path or self._error:
                return
            self._file = self._file or open(part, "rb", buffering=0)  # noqa: SIM115, `_end` closes
            self._ready = ready
        self._tell()

    def finish(self, path: Path) -> None:
        """The file is kept, at this path."""
        self._end(path, None)

    def fail(self, error: OstlerError) -> None:
        """The file does not come; whoever follows is told why."""
        self._end(None, error)

    def _end(self, path: Path | None, error: OstlerError | None) -> None:
        with self._lock:
            self._path, self._error = path, error
            self._ready = self.size if path else self._ready
            if self._file:
                self._file.close()
            self._file = None
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for loop, news in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has ended needs no news
                loop.call_soon_threadsafe(news.set)
