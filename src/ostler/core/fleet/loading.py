"""How long a load takes: from bytes and the speed that was measured here."""

from __future__ import annotations

from dataclasses import dataclass

GUESS = 500e6  # bytes a second, of a plain SSD, until a load has been measured
OVERHEAD = 2.0  # seconds that an engine takes whatever it loads, until one has been measured
NEW_SHARE = 0.3  # of the newest measurement in the average
LEAST_PATIENCE = 120.0  # seconds; the first start compiles kernels, or reads a cold disk
SLOWER = 5.0  # times the expected seconds before a load counts as hung
LARGE = 100e6  # bytes; below it a load tells of the overhead, above it of the speed


@dataclass(frozen=True, slots=True)
class Speed:
    """What loads took here lately."""

    bytes_per_second: float = GUESS
    overhead: float = OVERHEAD
    loads: int = 0  # measured

    def expected(self, size: int) -> float:
        """Return the seconds that a load of so many bytes should take."""
        return self.overhead + size / self.bytes_per_second

    def deadline(self, size: int, least: float = LEAST_PATIENCE) -> float:
        """Return the seconds after which a load counts as hung."""
        return max(least, SLOWER * self.expected(size))

    def learn(self, size: int, seconds: float) -> Speed:
        """Return the speed with one more measurement."""
        share = NEW_SHARE if self.loads else 1.0
        if size < LARGE:
            overhead = max(seconds - size / self.bytes_per_second, 0.01)
            mixed = self.overhead + share * (overhead - self.overhead)
            return Speed(self.bytes_per_second, mixed, self.loads + 1)
        speed = size / max(seconds - min(self.overhead, seconds / 2), 0.01)
        mixed = self.bytes_per_second + share * (speed - self.bytes_per_second)
        return Speed(mixed, self.overhead, self.loads + 1)
