"""A cap on the rate of one pull, kept by all its connections together."""

from __future__ import annotations

import threading
import time

from ostler.core.pace import Pace


class Throttle:
    """Makes whoever received bytes wait until the rate allows the next."""

    def __init__(self, rate: int) -> None:
        self._pace = Pace(rate, time.monotonic())
        self._lock = threading.Lock()

    @property
    def slice(self) -> int:
        return self._pace.slice

    def took(self, count: int, stop: threading.Event) -> None:
        """Count bytes that came, and wait as long as they should have taken."""
        with self._lock:
            self._pace, pause = self._pace.take(count, time.monotonic())
        if pause:
            stop.wait(pause)
