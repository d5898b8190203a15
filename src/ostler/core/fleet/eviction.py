"""Which models give way: just enough bytes, at the least cost of having them back.

The cost of letting a model go is the seconds to have it back, times the uses a second that are to
be expected of it. One that can sleep goes either way: asleep it is back sooner, and holds a part
of its bytes. What sleeps can be let go for good, for the seconds that it then takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from math import inf, log2
from typing import NamedTuple

from ostler.core.fleet.returning import NEVER, SOON, likelihood
from ostler.core.fleet.state import State, Unit

SLACK = 1e-6  # in powers of two: more than what adding and taking logarithms rounds off


class Candidate(NamedTuple):
    """One that may go. The lowest density gives way first, the id breaks ties."""

    density: float  # cost for a byte, or by LRU the last use
    id: str
    cost: float  # seconds of loading, times the uses a second that are to be expected
    bytes: int  # that it frees on the device in question
    least: float = 0.0  # the density of the cheaper of its two ways, also if that is not open now
    sleeps: bool = False


class Choice(NamedTuple):
    """Who gives way, and what that is to be expected to cost."""

    cost: float
    units: tuple[Candidate, ...]


def weigh(unit: Unit, device: str, at: float, naps: bool = True) -> Candidate | None:
    """Say what it costs to have this unit leave a device; None where it would free nothing."""
    uses, nap = likelihood(unit.usage or NEVER, at), unit.nap
    if nap is not None and unit.state is State.ASLEEP:
        on_host = unit.host is not None and unit.host.device == device
        bytes = nap.kept if on_host else nap.left
        cost = max(unit.reload_seconds - nap.seconds, 0.0) * uses
        return Candidate(cost / bytes, unit.id, cost, bytes, cost / bytes) if bytes else None
    if unit.needs <= 0:
        return None
    cost = unit.reload_seconds * uses
    density = cost / unit.needs
    away = Candidate(density, unit.id, cost, unit.needs, density)
    if nap is None or unit.needs <= nap.left:
        return away
    cost, bytes = nap.seconds * uses, unit.needs - nap.left
    if cost / bytes >= away.density:
        return away
    if not naps:
        return away._replace(least=cost / bytes)
    return Candidate(cost / bytes, unit.id, cost, bytes, cost / bytes, sleeps=True)


def floor(unit: Unit, device: str, at: float) -> float:
    """Return a rank that never overtakes the truth: at any later time `t`, letting this unit go
    costs at least 2^(rank - t / SOON) for a byte, as no guess of a return fades faster than that.
    """
    weight = weigh(unit, device, at)
    return rank(weight.least, at) if weight else inf


def rank(density: float, at: float) -> float:
    """Return the rank of one that costs so much for a byte at this time."""
    return (log2(density) if density > 0 else -inf) + at / SOON


class Ranking:
    """Those that may go, the cheapest bytes first; it weighs no more of them than it must.

    `order` are (rank, id) in order, as `floor` gave them at any earlier time; `may_go` weighs one,
    or says None. Afterwards `looked_at` is how many were weighed, and `seen` who could go.
    """

    def __init__(
        self,
        order: Sequence[tuple[float, str]],
        may_go: Callable[[str], Candidate | None],
        at: float,
    ) -> None:
        self._order, self._may_go, self._at = order, may_go, at
        self.looked_at, self.seen = 0, list[Candidate]()
        self._cut = inf

    def cut(self, density: float) -> None:
        """Weigh nobody for now whose bytes cost more than that."""
        self._cut = rank(density, self._at) + SLACK

    def __iter__(self) -> Iterator[Candidate]:
        heap: list[Candidate] = []
        reach = inf  # whoever ranks above it costs more than the cheapest that was weighed
        for place, (lowest, id) in enumerate(self._order):
            while heap and (lowest > reach or lowest > self._cut):
                yield heappop(heap)
                reach = rank(heap[0].density, self._at) + SLACK if heap else inf
            if lowest > self._cut:
                break
            self.looked_at = place + 1
            found = self._may_go(id)
            if found is not None:
                self.seen.append(found)
                heappush(heap, found)
                if heap[0] is found:
                    reach = rank(found.density, self._at) + SLACK
        while heap:
            yield heappop(heap)

    def ranks(self) -> dict[str, float]:
        """Return the ranks of those that were weighed, as they are now."""
        return {one.id: rank(one.least, self._at) for one in self.seen}


def longest_unused(units: Iterable[tuple[Unit, Candidate]]) -> list[Candidate]:
    """Return them in the order of their last use (LRU)."""
    return sorted(one._replace(density=(unit.usage or NEVER).last) for unit, one in units)


def _no_cut(density: float) -> None:
    """Whoever ranks all does not mind."""


def cheapest(
    ranked: Iterable[Candidate], shortage: int, cut: Callable[[float], None] = _no_cut
) -> Choice | None:
    """Return those that free at least `shortage` bytes, none of them needlessly; None: too few.

    The best of: the cheapest bytes up to the shortage, closed by any one that suffices. Its cost
    is at most twice the least possible. `ranked` comes by density; `cut` is told the density from
    which on nobody is needed any more.
    """
    if shortage <= 0:
        return Choice(0.0, ())
    best: tuple[Candidate, ...] = ()
    least, freed, spent = inf, 0, 0.0
    chosen: list[Candidate] = []
    for one in ranked:
        if spent + one.density * (shortage - freed) >= least:
            break  # whoever closes the gap from here on costs at least that
        if freed + one.bytes < shortage:
            chosen.append(one)
            freed += one.bytes
            spent += one.cost
            if best:
                cut((least - spent) / (shortage - freed))
        elif spent + one.cost < least:  # it would close the gap: remember, and look on
            best, least = (*chosen, one), spent + one.cost
            cut((least - spent) / (shortage - freed))
    return needed(best, shortage) if best else None


def first(ranked: Iterable[Candidate], shortage: int) -> Choice | None:
    """Return the first that free at least `shortage` bytes together; None: too few."""
    chosen: list[Candidate] = []
    for one in ranked:
        if shortage <= 0:
            break
        chosen.append(one)
        shortage -= one.bytes
    return Choice(0.0, tuple(chosen)) if shortage <= 0 else None


def needed(chosen: Sequence[Candidate], shortage: int) -> Choice:
    """Leave out, dearest first, whoever is not needed after all."""
    spare = sum(one.bytes for one in chosen) - shortage
    kept = list(chosen)
    for one in sorted(chosen, key=lambda one: (-one.cost, one.id)):
        if one.bytes <= spare:
            kept.remove(one)
            spare -= one.bytes
    return Choice(sum(one.cost for one in kept), tuple(kept))
