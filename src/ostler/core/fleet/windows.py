"""Hours of the day in which a model may be used: `02:00-06:00`, also over midnight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

FORM = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]|24):([0-5]\d)", re.ASCII)
DAY = 24 * 60


class Window(NamedTuple):
    """Minutes of the day from `start` up to, not including, `end`."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Say whether the minute of the day lies in the window."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{_clock(self.start)} to {_clock(self.end)}"


def window(text: str) -> Window:
    """Read `22:00-06:30`. Raises ValueError with a sentence."""
    found = FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(f"hours are written like 22:00-06:30, not {text!r}")
    hours, minutes, later, rest = map(int, found.groups())
    start, end = hours * 60 + minutes, later * 60 + rest
    if end > DAY or start == end:
        raise ValueError(f"{text!r} is no time of the day, or is empty")
    return Window(start, end)


def closed(model: str, windows: Sequence[Window], minute: int) -> str:
    """Return why the model may not be used at this minute of the day; empty: it may."""
    if not windows or any(one.holds(minute) for one in windows):
        return ""
    hours = " and from ".join(map(str, windows))
    return f"{model} may be used from {hours}; it is {_clock(minute)}."


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
