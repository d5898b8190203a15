"""What callers are told of a model that cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostler.core.fleet.actions import Refuse
from ostler.core.fleet.failure import Failure
from ostler.core.fleet.pools import tiers
from ostler.core.fleet.state import Fleet, State, Unit
from ostler.core.fleet.turn import Turn
from ostler.core.sizes import duration, memory

if TYPE_CHECKING:
    from ostler.core.fleet.seating import Survey


def refuse(turn: Turn, unit: Unit, refusal: Refuse) -> None:
    """Let a unit go that cannot be had; answer its callers unless a replica serves them.

    One that sleeps sleeps on.
    """
    state = State.ASLEEP if unit.asleep else State.STOPPED
    turn.enter(unit, state, why=refusal.what, dismissed=True)
    answer(turn, refusal)


def answer(turn: Turn, refusal: Refuse) -> None:
    """Refuse a model's callers, unless another of its units is up or coming."""
    units = turn.fleet.all_units(refusal.model)
    up = (
        State.SIZING, State.WAITING, State.STARTING, State.READY, State.ROUSED, State.WAKING,
    )  # fmt: skip
    if not any(unit.state in up for unit in units):
        turn.do(refusal)


def failed(unit: Unit, failure: Failure, wait: float, now: bool) -> Refuse:
    """The answer where it could not be sized or started, or died: `now`, or a while ago.

    It may be asked for again after so many seconds, unless that mends nothing.
    """
    again = None if failure.lasting else wait
    later = "" if now or again is None else f" It may be tried again in {duration(wait)}."
    return Refuse(unit.model, failure.code, failure.why + later, hint(unit, failure), again)


def hint(unit: Unit, failure: Failure) -> str:
    """Return what to do about a failure; where nothing better is known, read the engine's log."""
    return failure.hint or f"ostler logs {unit.model}"


def never(fleet: Fleet, unit: Unit) -> Refuse:
    """The answer where it fits nowhere, whoever went."""
    every = [berth for tier in tiers(fleet, unit) for berth in tier]
    sizes = sorted((min(b.room, fleet.room.get(b.device, 0)) for b in every), reverse=True)
    pool = fleet.rules(unit.model).pool
    where = f"the pool {pool}" if pool else "any device that it may use"
    hint = f"See what takes the room: ostler fit {unit.model}; or give it another pool: ostler pool"
    if unit.spread > 1:
        fit = sum(size >= unit.needs for size in sizes)
        what = (
            f"{unit.model} needs {memory(unit.needs)} on each of {unit.spread} devices at once, "
            f"and {fit} of those that it may use can have as much."
        )
        code = "insufficient_gpu_count" if len(sizes) < unit.spread else "no_capacity"
        return Refuse(unit.model, code, what, hint)
    has = f"the most that {where} has is {memory(sizes[0])}" if sizes else f"{where} has none"
    what = f"{unit.model} needs {memory(unit.needs)}, and {has}."
    return Refuse(unit.model, "no_capacity", what, hint)


def full(fleet: Fleet, unit: Unit, freest: Survey) -> Refuse:
    """The answer where there is no room and nobody may go."""
    berth, free = freest.berth, freest.free
    there = [u for u in fleet.on(berth.device) if any(p.berth == berth.id for p in u.places)]
    holders = sorted({one.model for one in there})
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
