"""How often to try again, and how long to wait before it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounded, doubling pauses in seconds; what a server asks for (Retry-After) comes first."""

    attempts: int = 5  # in a row without any progress, the first one included
    first: float = 0.5
    longest: float = 30.0
    bearable: float = 120.0  # a server that asks for more is not waited for

    def pause(self, failures: int, retry_after: float | None = None) -> float | None:
        """Return the seconds to wait after so many failures in a row; None: give up."""
        if failures >= self.attempts or (retry_after or 0) > self.bearable:
            return None
        doubled = min(self.first * 2.0 ** (failures - 1), self.longest)
        return max(doubled, retry_after or 0)
