"""What a verb that moves many bytes says of itself, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

EVERY = 0.1  # seconds between two progress events of one file


class Step(StrEnum):
    """What has just happened to a file."""

    WAITING = "waiting"  # another process or thread has it
    STARTED = "started"
    RESUMED = "resumed"  # goes on from the bytes that an earlier run left
    PROGRESS = "progress"
    RETRY = "retry"
    RESTARTED = "restarted"  # from the first byte, because what was there cannot be right
    PAUSED = "paused"  # the disk is full; it goes on when there is room
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """One event: bytes done of this file, and of everything. `path` is empty for the whole."""

    step: Step
    path: str
    done: int
    size: int
    total_done: int
    total_size: int
    note: str = ""


Report = Callable[[Progress], None]


def silent(event: Progress) -> None:
    """Report to nobody."""


class Tally:
    """Counts the bytes of all files and reports them, from any thread, not too often."""

    def __init__(self, total_size: int, report: Report) -> None:
        self.total_size, self._report = total_size, report
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._said: dict[str, float] = {}

    @property
    def done(self) -> int:
        """The bytes done of all files, those that were not reported yet among them."""
        with self._lock:
            return sum(self._done.values())

    def of(self, path: str, size: int) -> Callable[[int], None]:
        """Return what counts on the bytes of one file, as they come."""
        done = 0

        def said(count: int) -> None:
            nonlocal done
            done += count
            self.say(Step.PROGRESS, path, done, size)

        return said

    def say(self, step: Step, path: str, done: int, size: int, note: str = "") -> None:
        """Report one step of one file; a progress event that comes too soon is left out."""
        now = time.monotonic()
        with self._lock:
            self._done[path] = done
            if step is Step.PROGRESS and now - self._said.get(path, 0.0) < EVERY:
                return
            self._said[path] = now
            total_done = sum(self._done.values())
            self._report(Progress(step, path, done, size, total_done, self.total_size, note))
