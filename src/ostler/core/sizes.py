"""Bytes, seconds and rates as a reader wants them; decimal for files, binary for memory."""

from __future__ import annotations

import re

DECIMAL = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
BINARY = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def file_size(count: int | None) -> str:
    """Write bytes of a file or a transfer: `3.3 MB` (10^6), as hubs and disks do."""
    return _scaled(count, DECIMAL)


def memory(count: int | None) -> str:
    """Write bytes of memory: `1.5 GiB` (2^30), as GPUs and engines do."""
    return _scaled(count, BINARY)


def _scaled(count: int | None, units: tuple[tuple[str, int], ...]) -> str:
    if count is None:
        return "unknown"
    for unit, size in units:
        if abs(count) >= size:
            value = count / size
            return f"{value:.0f} {unit}" if abs(value) >= 100 else f"{value:.1f} {unit}"
    return f"{count} B"


def parameters(count: int | None) -> str:
    """Write a parameter count: `0.8 M`, `7.6 B` (10^9)."""
    if count is None:
        return "unknown"
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if count >= size / 10:
            return f"{count / size:.1f} {unit}"
    return str(count)


def counted(number: int, one: str, more: str = "") -> str:
    """Write how many there are: `1 file`, `2 files`; `more` where that is not `one` and an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def duration(seconds: float | None) -> str:
    """Write a time span: `0.2 s`, `45 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


SPANS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Read a time span: `90s`, `10m`, `2h`, or plain seconds. Raises ValueError with a sentence."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not found or found[2] not in SPANS:
        raise ValueError(f"a time is written like 90s, 10m or 2h, not {text!r}")
    return float(found[1]) * SPANS[found[2]]
