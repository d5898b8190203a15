"""Whether the system killed programs for want of memory: Linux counts that, and says no more."""

from __future__ import annotations

COUNTS = "/proc/vmstat"
COUNTER = "oom_kill"


def kills() -> int | None:
    """Return how many programs were killed since the system began; None where it does not say."""
    try:
        with open(COUNTS, encoding="ascii") as file:
            counts = dict(line.split() for line in file)
    except OSError:
        return None
    return int(counts[COUNTER]) if COUNTER in counts else None


def since(before: int | None) -> bool:
    """Say whether one more was killed than at an earlier count."""
    now = kills()
    return before is not None and now is not None and now > before
