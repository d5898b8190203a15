"""How fast something goes, from where it stood when."""

from __future__ import annotations

from dataclasses import dataclass

SPAN = 10.0  # seconds that a rate is taken over: short enough to follow, long enough to be calm


@dataclass(frozen=True, slots=True)
class Rate:
    """What was done at which moments of the last seconds, oldest first."""

    seen: tuple[tuple[float, int], ...] = ()

    def at(self, now: float, done: int) -> Rate:
        """Return the rate with one more moment; what is older than SPAN is dropped."""
        kept = tuple(one for one in self.seen if now - one[0] <= SPAN and one[1] <= done)
        return Rate((*kept, (now, done)))

    @property
    def value(self) -> float | None:
        """Units a second; None until there are two moments apart."""
        if len(self.seen) < 2 or self.seen[-1][0] <= self.seen[0][0]:
            return None
        (began, first), (now, last) = self.seen[0], self.seen[-1]
        return (last - first) / (now - began)
