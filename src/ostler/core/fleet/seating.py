"""Who waits gets room: free room, or room that others leave, first come first.

A unit that waits for room on a device claims it: nobody behind it takes room there. So whoever
stands first in the line is only kept waiting by what runs, never by who came later.
"""

from __future__ import annotations

from ostler.core.fleet import pools
from ostler.core.fleet.actions import Refuse, Start, Withdraw
from ostler.core.fleet.eviction import Candidate, choose
from ostler.core.fleet.returning import Usage, likelihood
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
        tuple(berth for berth in tier if unit.needs <= _most(fleet, berth))
        for tier in pools.tiers(fleet, unit)
    )
    if not any(every):
        refuse(turn, unit, _never(fleet, unit))
        return
    tiers = tuple(tuple(b for b in tier if b.device not in claimed) for tier in every)
    if _start(turn, unit, tiers):
        return
    berth = _soon(turn, unit, tiers)
    if berth is None and unit.preempts:
        berth = _make_room(turn, unit, tiers, busy=False)
        berth = berth or _make_room(turn, unit, tiers, busy=True)
    berth = berth or _later(fleet, unit, tiers)
    if berth is not None:
        claimed.add(berth.device)
    elif tiers == every:
        refuse(turn, unit, _full(fleet, unit, every))


def _start(turn: Turn, unit: Unit, tiers: tuple[tuple[Berth, ...], ...]) -> bool:
    most = turn.fleet.wishes.policy.loads
    for berth in (berth for tier in tiers for berth in tier):
        loading = sum(one.state is State.STARTING for one in turn.fleet.on(berth.device))
        if loading < most and unit.needs <= free(turn.fleet, berth):
            turn.enter(
                unit, State.STARTING, berth=berth.id, device=berth.device, busy=False,
                served=False, withdrawn=False, why="",
            )  # fmt: skip
            turn.do(Start(unit.id, berth.device))
            return True
    return False


def _soon(turn: Turn, unit: Unit, tiers: tuple[tuple[Berth, ...], ...]) -> Berth | None:
    """Where it fits once those have gone that are going, or once a load has ended."""
    for berth in (berth for tier in tiers for berth in tier):
        going = sum(u.needs for u in _in(turn.fleet, berth) if u.state in LEAVING)
        if unit.needs <= free(turn.fleet, berth) + going:
            return berth
    return None


def _make_room(
    turn: Turn, unit: Unit, tiers: tuple[tuple[Berth, ...], ...], busy: bool
) -> Berth | None:
    """Let the cheapest others go that make enough room; of busy ones only as asked."""
    fleet, at = turn.fleet, turn.at
    for tier in tiers:
        best: tuple[float, Berth, tuple[Candidate, ...]] | None = None
        for berth in tier:
            going = sum(u.needs for u in _in(fleet, berth) if u.state in LEAVING)
            shortage = unit.needs - free(fleet, berth) - going
            able = [u for u in _in(fleet, berth) if (busy or not u.busy) and _may_go(fleet, u, at)]
            chosen = choose(candidates(fleet, able), shortage, at, fleet.wishes.policy.eviction)
            if chosen is not None:
                cost = sum(one.reload_seconds * likelihood(one.usage, at) for one in chosen)
                if best is None or cost < best[0]:
                    best = cost, berth, chosen
        if best is not None:
            for one in best[2]:
                evict(turn, turn.fleet.units[one.id], unit)
            return best[1]
    return None


def _later(fleet: Fleet, unit: Unit, tiers: tuple[tuple[Berth, ...], ...]) -> Berth | None:
    """Where enough is held by units that may go one day; only what is pinned never does."""
    for berth in (berth for tier in tiers for berth in tier):
        fixed = sum(u.needs for u in _in(fleet, berth) if fleet.rules(u.model).pinned)
        if unit.preempts and unit.needs <= berth.room - fixed:
            return berth
    return None


def evict(turn: Turn, victim: Unit, newcomer: Unit) -> None:
    """Let a unit take no new requests; it is stopped when it has finished those it has."""
    why = f"It made room for {newcomer.model}."
    turn.enter(victim, State.DRAINING, why=why, evicted_at=turn.at)
    turn.do(Withdraw(victim.id))


def candidates(fleet: Fleet, units: list[Unit]) -> list[Candidate]:
    """Return the units as eviction looks at them."""
    never = Usage(0.0, 0.0, 0.0, 0.0)
    return [
        Candidate(u.id, u.needs, u.reload_seconds, fleet.usage.get(u.model) or never) for u in units
    ]


def _may_go(fleet: Fleet, unit: Unit, at: float) -> bool:
    if unit.state is not State.READY or fleet.rules(unit.model).pinned:
        return False
    stays = min(unit.reload_seconds, fleet.wishes.policy.residency)
    return at - unit.since >= (stays if unit.served else max(stays, UNSERVED))


def free(fleet: Fleet, berth: Berth) -> int:
    """Return the bytes of a berth that nobody holds; never more than are free on its device."""
    held = fleet.on(berth.device)
    on_device = fleet.room.get(berth.device, 0) - sum(unit.needs for unit in held)
    return min(on_device, berth.room - sum(u.needs for u in held if u.berth == berth.id))


def _most(fleet: Fleet, berth: Berth) -> int:
    return min(berth.room, fleet.room.get(berth.device, 0))


def _in(fleet: Fleet, berth: Berth) -> list[Unit]:
    return [unit for unit in fleet.on(berth.device) if unit.berth == berth.id]


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


def _full(fleet: Fleet, unit: Unit, tiers: tuple[tuple[Berth, ...], ...]) -> Refuse:
    berth = max((b for tier in tiers for b in tier), key=lambda b: free(fleet, b))
    holders = sorted({u.model for u in _in(fleet, berth)})
    pinned = [name for name in holders if fleet.rules(name).pinned]
    held = f"the others are pinned ({', '.join(pinned)})" if pinned else "it may stop no other"
    what = (
        f"{unit.model} needs {memory(unit.needs)} on {berth.device}, "
        f"{memory(max(free(fleet, berth), 0))} of {memory(berth.room)} is free, and {held}."
    )
    hint = "Make room first: " + " or ".join(f"ostler unload {name}" for name in holders)
    return Refuse(unit.model, "no_capacity", what, hint if holders else "")


def waited_too_long(fleet: Fleet, unit: Unit) -> Refuse:
    """The answer to callers of a model that got no room in time."""
    patience = fleet.wishes.policy.patience
    what = f"{unit.model} found no room within {duration(patience)}: all models there were busy."
    return Refuse(unit.model, "no_capacity", what, "ostler ps", retry_after=patience / 10)
