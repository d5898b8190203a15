"""How fast bytes may come: a cap, and the pauses that keep to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ostler.errors import UsageError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
         "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip
_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?i?)b?(?:/s)?", re.IGNORECASE)
SLICES = 10  # a second; what is read at once under a cap, so that the pauses stay short
LEAST = 4096  # bytes


def amount(text: str, what: str, least: int = 1) -> int | None:
    """Read `2MB/s`, `500 GB`, `1.5GiB` as bytes; None where the text is empty.

    Raises UsageError, also for fewer bytes than `least`.
    """
    if not text.strip():
        return None
    found = _AMOUNT.fullmatch(text.strip())
    scale = UNITS.get(found[2].lower()) if found else None
    if not found or scale is None or float(found[1]) * scale < least:
        raise UsageError(
            f"{what}: {text!r} is no amount of bytes.", hint="For example 2MB/s, 500GB or 1.5GiB."
        )
    return int(float(found[1]) * scale)


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate in bytes a second, kept from `since` on by all who share it."""

    rate: int
    since: float  # seconds, of any clock
    taken: int = 0  # bytes since then

    @property
    def slice(self) -> int:
        """The bytes to read at once."""
        return max(LEAST, self.rate // SLICES)

    def take(self, count: int, now: float) -> tuple[Pace, float]:
        """Return the pace after `count` more bytes, and the seconds to wait before the next.

        What was not used is not saved up for later.
        """
        since = max(self.since, now - self.taken / self.rate)
        after = Pace(self.rate, since, self.taken + count)
        return after, max(0.0, since + after.taken / self.rate - now)
