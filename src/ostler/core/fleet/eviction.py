"""Which models give way: just enough bytes, at the least cost of having them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ostler.core.fleet.returning import NEVER, likelihood
from ostler.core.fleet.state import LRU, Unit


class Choice(NamedTuple):
    """Who gives way, and the reload seconds that are to be expected for it."""

    cost: float  # seconds of loading, times the uses a second that are to be expected
    units: tuple[Unit, ...]


# (rank, id, place among the units, cost): the lowest gives way first, the id breaks ties.
Ranked = tuple[float, str, int, float]


def choose(units: Sequence[Unit], shortage: int, at: float, by: str) -> Choice | None:
    """Return those that free at least `shortage` bytes, none of them needlessly; None: too few.

    By "cost" the sum of reload seconds times likelihood of return is at most twice the least
    possible; by "lru" whoever was used longest ago goes first.
    """
    if sum(unit.needs for unit in units) < shortage:
        return None
    if by == LRU:
        order = sorted([((u.usage or NEVER).last, u.id, n, 0.0) for n, u in enumerate(units)])
        return _first(order, units, shortage)
    costs = [u.reload_seconds * likelihood(u.usage or NEVER, at) for u in units]
    each = enumerate(zip(units, costs, strict=True))
    order = sorted([(cost / u.needs, u.id, n, cost) for n, (u, cost) in each])
    return _cheapest(order, units, shortage)


def _first(order: Sequence[Ranked], units: Sequence[Unit], shortage: int) -> Choice:
    chosen: list[Unit] = []
    for _, _, place, _ in order:
        if shortage <= 0:
            break
        chosen.append(units[place])
        shortage -= units[place].needs
    return Choice(0.0, tuple(chosen))


def _cheapest(order: Sequence[Ranked], units: Sequence[Unit], shortage: int) -> Choice:
    """The best of: the cheapest bytes up to the shortage, closed by any one that suffices."""
    best: tuple[Ranked, ...] = ()
    least, freed, spent = float("inf"), 0, 0.0
    chosen: list[Ranked] = []
    for one in order:
        if spent >= least:
            break
        bytes, cost = units[one[2]].needs, one[3]
        if freed + bytes < shortage:
            chosen.append(one)
            freed += bytes
            spent += cost
        elif spent + cost < least:  # it would close the gap: remember, and look on
            best, least = (*chosen, one), spent + cost
    return _needed([(cost, id, units[place]) for _, id, place, cost in best], shortage)


def _needed(chosen: Sequence[tuple[float, str, Unit]], shortage: int) -> Choice:
    """Leave out, dearest first, whoever is not needed after all."""
    spare = sum(unit.needs for *_, unit in chosen) - shortage
    kept = list(chosen)
    for one in sorted(chosen, key=lambda one: (-one[0], one[1])):
        if one[2].needs <= spare:
            kept.remove(one)
            spare -= one[2].needs
    return Choice(sum(cost for cost, *_ in kept), tuple(unit for *_, unit in kept))
