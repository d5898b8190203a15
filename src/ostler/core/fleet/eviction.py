"""Which models give way: just enough bytes, at the least cost of having them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ostler.core.fleet.returning import Usage, likelihood

COST, LRU = "cost", "lru"


class Candidate(NamedTuple):
    """A model that may give way."""

    id: str
    bytes: int
    reload_seconds: float
    usage: Usage


def choose(
    candidates: Sequence[Candidate], shortage: int, at: float, by: str = COST
) -> tuple[Candidate, ...] | None:
    """Return those that free at least `shortage` bytes, none of them needlessly; None: too few.

    By "cost" the sum of reload seconds times likelihood of return is at most twice the least
    possible; by "lru" whoever was used longest ago goes first.
    """
    if sum(candidate.bytes for candidate in candidates) < shortage:
        return None
    if by == LRU:
        order = sorted(candidates, key=lambda one: (one.usage.last, one.id))
        return _enough(order, shortage)
    costs = {one.id: one.reload_seconds * likelihood(one.usage, at) for one in candidates}
    order = sorted(candidates, key=lambda one: (costs[one.id] / one.bytes, one.id))
    return _cheapest(order, costs, shortage)


def _enough(order: Sequence[Candidate], shortage: int) -> tuple[Candidate, ...]:
    chosen, freed = [], 0
    for one in order:
        if freed >= shortage:
            break
        chosen.append(one)
        freed += one.bytes
    return tuple(chosen)


def _cheapest(
    order: Sequence[Candidate], costs: dict[str, float], shortage: int
) -> tuple[Candidate, ...]:
    """The best of: the cheapest bytes up to the shortage, closed by any one that suffices."""
    best: tuple[Candidate, ...] = ()
    least, freed, spent = float("inf"), 0, 0.0
    chosen: list[Candidate] = []
    for one in order:
        if freed + one.bytes >= shortage:  # it would close the gap: remember, and look on
            if spent + costs[one.id] < least:
                best, least = (*chosen, one), spent + costs[one.id]
        else:
            chosen.append(one)
            freed += one.bytes
            spent += costs[one.id]
    return _needed(best, costs, shortage)


def _needed(
    chosen: tuple[Candidate, ...], costs: dict[str, float], shortage: int
) -> tuple[Candidate, ...]:
    """Leave out, dearest first, whoever is not needed after all."""
    spare = sum(one.bytes for one in chosen) - shortage
    kept = list(chosen)
    for one in sorted(chosen, key=lambda one: (-costs[one.id], one.id)):
        if one.bytes <= spare:
            kept.remove(one)
            spare -= one.bytes
    return tuple(kept)
