"""Numbers and times as words. Sizes and spans are those of `ostler.core.sizes`."""

from __future__ import annotations

from datetime import UTC, datetime

from ostler.core.sizes import duration, file_size, memory

__all__ = ["clock", "count", "duration", "file_size", "memory", "moment", "rate", "span"]


def count(number: float | None, one: str, several: str = "") -> str:
    """Write how many: `1 request`, `1,200 requests`, `no requests`, `unknown requests`."""
    named = several or f"{one}s"
    if number is None:
        return f"unknown {named}"
    if number == 0:
        return f"no {named}"
    return f"{number:,.0f} {one if number == 1 else named}"


def rate(per_second: float | None) -> str:
    """Write what happens in a second: `0.2`, `12`; `unknown` where nobody has counted."""
    if per_second is None:
        return "unknown"
    return f"{per_second:.1f}" if per_second < 10 else f"{per_second:,.0f}"


def moment(text: str) -> datetime:
    """Read a time of the API, which is of UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def clock(text: str) -> str:
    """Write a time of the API as a day and a time of UTC: `2026-11-21 18:04:09`."""
    return moment(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Write how long something took, short times too: `94 ms`, `2.1 s`, `3 min 5 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)
