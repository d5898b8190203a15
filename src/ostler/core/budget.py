"""Room: what a disk holds, what running downloads will still take, what a store may have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ostler.nouns import Manifest

GIB = 2**30
RESERVE = GIB  # bytes left free on the disk, or 5 % of it where that is less
RESERVE_SHARE = 0.05
WHY_RESERVE = "1 GiB, or 5 % of the disk where that is less, stays free for everything else"
WHY_ASKED = "so much is to stay free"


@dataclass(frozen=True, slots=True)
class Room:
    """Whether the disk, and the store's budget, hold what a plan fetches. All in bytes."""

    needed: int  # still to be fetched; what a broken-off pull left counts as here
    free: int
    reserve: int
    because: str = WHY_RESERVE
    claimed: int = 0  # what downloads that run now have still to write
    budget: int | None = None  # what all models together may take; None: the disk
    used: int = 0  # what they take, those on their way included

    @property
    def fits(self) -> bool:
        return self.on_disk and self.in_budget

    @property
    def on_disk(self) -> bool:
        return self.needed <= max(0, self.free - self.claimed - self.reserve) or not self.needed

    @property
    def in_budget(self) -> bool:
        return self.budget is None or self.used + self.needed <= self.budget or not self.needed

    @property
    def lacking(self) -> int:
        """The bytes to be freed before it fits."""
        disk = self.needed - (self.free - self.claimed - self.reserve)
        budget = 0 if self.budget is None else self.used + self.needed - self.budget
        return max(0, disk, budget) if self.needed else 0


def reserve(total: int, asked: int | None) -> tuple[int, str]:
    """Return the bytes to leave free on a disk of `total` bytes, and why."""
    if asked is not None:
        return asked, WHY_ASKED
    return min(RESERVE, int(total * RESERVE_SHARE)), WHY_RESERVE


@dataclass(frozen=True, slots=True)
class Leaving:
    """A model that could make room."""

    name: str
    commit: str
    freed: int  # bytes that nothing else shares
    because: str


def first_to_go(manifests: Iterable[Manifest], lacking: int) -> tuple[Leaving, ...]:
    """Return the models to remove so that `lacking` bytes come free: those pulled longest ago.

    Bytes that a model which stays shares are not counted. All of them where that is not enough.
    """
    known = sorted(manifests, key=lambda manifest: manifest.pulled_at)
    going: list[Leaving] = []
    stay = list(known)
    for manifest in known:
        if lacking <= 0:
            break
        stay.remove(manifest)
        shared = {file.sha256 for other in stay for file in other.files}
        own = {file.sha256: file.size for file in manifest.files if file.sha256 not in shared}
        if freed := sum(own.values()):
            day = manifest.pulled_at[:10] or "an unknown day"
            going.append(Leaving(manifest.name, manifest.commit, freed, f"pulled on {day}"))
            lacking -= freed
    return tuple(going)
