"""Who waits gets room: free room, or room that others leave, first come first.

A unit that waits for room on a device claims it: nobody behind it takes room there. So whoever
stands first in the line is only kept waiting by what runs, never by who came later. A unit over
several devices gets them all in one step, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ostler.core.fleet import refusals
from ostler.core.fleet.actions import Start, Wake
from ostler.core.fleet.leaving import make_room
from ostler.core.fleet.pools import tiers
from ostler.core.fleet.refusals import refuse
from ostler.core.fleet.state import Berth, Fleet, Place, State, Unit
from ostler.core.fleet.turn import Turn


class Survey(NamedTuple):
    """A berth and what is in it."""

    berth: Berth
    free: int  # bytes that nobody holds; never more than are free on the device
    going: int  # bytes of those that are going
    loads: int  # on the whole device


Surveys = tuple[Survey, ...]


def seat_all(turn: Turn) -> None:
    """Give room to those that wait, as far as there is any."""
    claimed: set[str] = set()
    for id in turn.fleet.waiting:
        claimed.update(_seat(turn, turn.fleet.units[id], claimed))


def _seat(turn: Turn, unit: Unit, claimed: set[str]) -> Sequence[str]:
    """Seat one, or return the devices that it claims."""
    fleet, count = turn.fleet, devices_of(unit)
    every = tuple(
        tuple(survey(fleet, berth) for berth in tier if unit.needs <= most(fleet, berth))
        for tier in tiers(fleet, unit)
    )
    if not any(len(tier) >= count for tier in every):
        refuse(turn, unit, refusals.never(fleet, unit))
        return ()
    open_ = every
    if claimed:
        open_ = tuple(tuple(s for s in tier if s.berth.device not in claimed) for tier in every)
    wants = more(unit)
    if _start(turn, unit, open_):
        return ()
    found = _enough(open_, count, lambda one: wants <= one.free + one.going)
    if not found and unit.preempts:
        found = _let_go(turn, unit, open_, busy=False) or _let_go(turn, unit, open_, busy=True)
    if not found and unit.preempts:
        found = _enough(open_, count, lambda one: _may_have(fleet, unit, one))
    if not found and open_ == every:
        refuse(turn, unit, refusals.full(fleet, unit, max(_all(every), key=_freest)))
    return [one.berth.device for one in found]


def devices_of(unit: Unit) -> int:
    """Return how many devices a unit takes at once."""
    return len(unit.places) if unit.asleep else unit.spread


def more(unit: Unit) -> int:
    """Return the bytes on each device that a unit lacks."""
    return unit.needs - unit.holds if unit.asleep else unit.needs


def most(fleet: Fleet, berth: Berth) -> int:
    """Return the bytes of a berth when it is empty."""
    return min(berth.room, fleet.room.get(berth.device, 0))


def survey(fleet: Fleet, berth: Berth) -> Survey:
    """Look at who holds memory where the berth is."""
    deck = fleet.deck(berth.device)
    held, going = deck.berths.get(berth.id, (0, 0))
    free = min(fleet.room.get(berth.device, 0) - deck.held, berth.room - held)
    return Survey(berth, free, going, deck.loads)


def _all(tiers: Sequence[Surveys]) -> Iterator[Survey]:
    return (one for tier in tiers for one in tier)


def _freest(one: Survey) -> int:
    return one.free


def _enough(tiers: Sequence[Surveys], count: int, will_do: Callable[[Survey], bool]) -> Surveys:
    """Return the first so many of one tier that will do; none where no tier has as many."""
    for tier in tiers:
        found = tuple(one for one in tier if will_do(one))[:count]
        if len(found) == count:
            return found
    return ()


def _start(turn: Turn, unit: Unit, tiers: Sequence[Surveys]) -> bool:
    loads, wants = turn.fleet.wishes.policy.loads, more(unit)
    found = _enough(tiers, devices_of(unit), lambda s: s.loads < loads and wants <= s.free)
    if not found:
        return False
    if unit.asleep:
        turn.enter(unit, State.WAKING, asleep=False, busy=False, served=False, withdrawn=False)
        turn.do(Wake(unit.id))
        return True
    places = tuple(Place(one.berth.device, one.berth.id) for one in found)
    turn.enter(
        unit, State.STARTING, places=places, busy=False, served=False, withdrawn=False, why="",
    )  # fmt: skip
    turn.do(Start(unit.id, tuple(place.device for place in places)))
    return True


def _let_go(turn: Turn, unit: Unit, tiers: Sequence[Surveys], busy: bool) -> Surveys:
    """Have the cheapest others go that make enough room; of busy ones only as asked."""
    for tier in tiers:
        short = {s.berth.device: (s.berth.id, more(unit) - s.free - s.going) for s in tier}
        found = make_room(turn, unit, short, devices_of(unit), busy)
        if found:
            return tuple(one for one in tier if one.berth.device in found)
    return ()


def _may_have(fleet: Fleet, unit: Unit, one: Survey) -> bool:
    """Whether units hold enough there that may go one day; only what is pinned never does."""
    fixed = sum(
        other.holds
        for other in fleet.on(one.berth.device)
        if fleet.rules(other.model).pinned
        and other.id != unit.id
        and any(place.berth == one.berth.id for place in other.places)
    )
    return unit.needs <= one.berth.room - fixed
