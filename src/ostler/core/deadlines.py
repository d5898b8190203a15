"""How long an engine may take until its first answer: a fixed part, and a part for its bytes."""

from __future__ import annotations

GIB = 1 << 30
SECONDS_PER_GIB = 20.0  # 51 MiB/s: weights read once from a slow disk or a network mount


def deadline(start_seconds: float, weight_bytes: int) -> float:
    """Return the seconds an engine may take: its own start, and the reading of the weights."""
    return start_seconds + SECONDS_PER_GIB * weight_bytes / GIB
