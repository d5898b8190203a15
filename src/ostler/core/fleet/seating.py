"""Who waits gets room: free room, or room that others leave, first come first.

A unit that waits for room on a device claims it: nobody behind it takes room there. So whoever
stands first in the line is only kept waiting by what runs, never by who came later.
"""

from __future__ import annotations

from typing import NamedTuple

from ostler.core.fleet import pools
from ostler.core.fleet.actions import Refuse, Start, Withdraw
from ostler.core.fleet.eviction import Choice, choose
from ostler.core.fleet.state import LEAVING, Berth, Fleet, State, Unit
from ostler.core.fleet.turn import Turn
from ostler.core.sizes import duration, memory

UNSERVED = 1.0  # seconds that a ready unit is left for the requests that it was started for


def seat_all(turn: Turn) -> None:
    """Give room to those that wait, as far as there is any."""
    claimed: set[str] = set()
    for id in turn.fleet.waiting:
        _seat(turn, turn.fleet.units[id], claimed)


def _seat(turn: Turn, unit: Unit, claimed: set[str]) -> None:
    fleet = turn.fleet
    every = tuple(
        tuple(survey(fleet, berth) for berth in tier if unit.needs <= _most(fleet, berth))
        for tier in pools.tiers(fleet, unit)
    )
    if not any(every):
        refuse(turn, unit, _never(fleet, unit))
        return
    tiers = tuple(tuple(s for s in tier if s.berth.device not in claimed) for tier in every)
    if _start(turn, unit, tiers):
        return
    found = _soon(unit, tiers)
    if found is None and unit.preempts:
        found = _make_room(turn, unit, tiers, busy=False)
        found = found or _make_room(turn, unit, tiers, busy=True)
    found = found or _later(fleet, unit, tiers)
    if found is not None:
        claimed.add(found.device)
    elif tiers == every:
        refuse(turn, unit, _full(fleet, unit, every))


class Survey(NamedTuple):
    """A berth and what is in it."""

    berth: Berth
    free: int  # bytes that nobody holds; never more than are free on the device
    going: int  # bytes of those that are going
    loads: int  # on the whole device
    units: tuple[Unit, ...]


def survey(fleet: Fleet, berth: Berth) -> Survey:
    """Look once at who holds memory where the berth is."""
    on_device, held, going, loads = 0, 0, 0, 0
    units = []
    for unit in fleet.on(berth.device):
        on_device += unit.needs
        loads += unit.state is State.STARTING
        if unit.berth == berth.id:
            held += unit.needs
            going += unit.needs if unit.state in LEAVING else 0
            units.append(unit)
    free = min(fleet.room.get(berth.device, 0) - on_device, berth.room - held)
    return Survey(berth, free, going, loads, tuple(units))


Tiers = tuple[tuple[Survey, ...], ...]


def _start(turn: Turn, unit: Unit, tiers: Tiers) -> bool:
    most = turn.fleet.wishes.policy.loads
    for berth, free, _, loads, _ in (one for tier in tiers for one in tier):
        if loads < most and unit.needs <= free:
            turn.enter(
                unit, State.STARTING, berth=berth.id, device=berth.device, busy=False,
                served=False, withdrawn=False, why="",
            )  # fmt: skip
            turn.do(Start(unit.id, berth.device))
            return True
    return False


def _soon(unit: Unit, tiers: Tiers) -> Berth | None:
    """Where it fits once those have gone that are going, or once a load has ended."""
    for one in (one for tier in tiers for one in tier):
        if unit.needs <= one.free + one.going:
            return one.berth
    return None


def _make_room(turn: Turn, unit: Unit, tiers: Tiers, busy: bool) -> Berth | None:
    """Let the cheapest others go that make enough room; of busy ones only as asked."""
    fleet, at = turn.fleet, turn.at
    for tier in tiers:
        best: tuple[Choice, Berth] | None = None
        for one in tier:
            able = [u for u in _settled(fleet, one.units, at) if busy or not u.busy]
            shortage = unit.needs - one.free - one.going
            choice = choose(able, shortage, at, fleet.wishes.policy.eviction)
            if choice and (best is None or choice.cost < best[0].cost):
                best = choice, one.berth
        if best is not None:
            for victim in best[0].units:
                evict(turn, victim, unit)
            return best[1]
    return None


def _later(fleet: Fleet, unit: Unit, tiers: Tiers) -> Berth | None:
    """Where enough is held by units that may go one day; only what is pinned never does."""
    for one in (one for tier in tiers for one in tier):
        fixed = sum(u.needs for u in one.units if fleet.rules(u.model).pinned)
        if unit.preempts and unit.needs <= one.berth.room - fixed:
            return one.berth
    return None


def evict(turn: Turn, victim: Unit, newcomer: Unit) -> None:
    """Let a unit take no new requests; it is stopped when it has finished those it has."""
    why = f"It made room for {newcomer.model}."
    turn.enter(victim, State.DRAINING, why=why, evicted_at=turn.at)
    turn.do(Withdraw(victim.id))


def _settled(fleet: Fleet, units: tuple[Unit, ...], at: float) -> list[Unit]:
    """Those that may go: neither pinned nor just come."""
    most, rules = fleet.wishes.policy.residency, fleet.wishes.rules
    return [
        unit
        for unit in units
        if unit.state is State.READY
        and at - unit.since >= min(unit.reload_seconds, most)
        and (unit.served or at - unit.since >= UNSERVED)
        and not (rules and fleet.rules(unit.model).pinned)
    ]


def _most(fleet: Fleet, berth: Berth) -> int:
    return min(berth.room, fleet.room.get(berth.device, 0))


# --- refusals -----------------------------------------------------------------------------


def refuse(turn: Turn, unit: Unit, refusal: Refuse) -> None:
    """Let a unit go that cannot be had; answer its callers unless a replica serves them."""
    turn.enter(unit, State.STOPPED, why=refusal.what, dismissed=True)
    answer(turn, refusal)


def answer(turn: Turn, refusal: Refuse) -> None:
    """Refuse a model's callers, unless another of its units is up or coming."""
    units = turn.fleet.all_units(refusal.model)
    up = (State.SIZING, State.WAITING, State.STARTING, State.READY)
    if not any(unit.state in up for unit in units):
        turn.do(refusal)


def _never(fleet: Fleet, unit: Unit) -> Refuse:
    sizes = [_most(fleet, berth) for tier in pools.tiers(fleet, unit) for berth in tier]
    pool = fleet.rules(unit.model).pool
    where = f"the pool {pool}" if pool else "any device that it may use"
    most = f"the most that {where} has is {memory(max(sizes))}" if sizes else f"{where} has none"
    what = f"{unit.model} needs {memory(unit.needs)}, and {most}."
    hint = f"See what takes the room: ostler fit {unit.model}; or give it another pool: ostler pool"
    return Refuse(unit.model, "no_capacity", what, hint)


def _full(fleet: Fleet, unit: Unit, tiers: Tiers) -> Refuse:
    berth, free, *_, units = max((one for tier in tiers for one in tier), key=lambda one: one.free)
    holders = sorted({one.model for one in units})
    pinned = [name for name in holders if fleet.rules(name).pinned]
    held = f"the others are pinned ({', '.join(pinned)})" if pinned else "it may stop no other"
    what = (
        f"{unit.model} needs {memory(unit.needs)} on {berth.device}, "
        f"{memory(max(free, 0))} of {memory(berth.room)} is free, and {held}."
    )
    hint = "Make room first: " + " or ".join(f"ostler unload {name}" for name in holders)
    return Refuse(unit.model, "no_capacity", what, hint if holders else "")


def waited_too_long(fleet: Fleet, unit: Unit) -> Refuse:
    """The answer to callers of a model that got no room in time."""
    patience = fleet.wishes.policy.patience
    what = f"{unit.model} found no room within {duration(patience)}: all models there were busy."
    return Refuse(unit.model, "no_capacity", what, "ostler ps", retry_after=patience / 10)
