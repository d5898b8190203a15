"""One unit's life: what each event makes of it.

stopped -> sizing -> waiting -> starting -> ready -> draining -> stopping -> stopped
              \\          \\          \\      ^  \\      \\-> dozing -> asleep -> stopping
               `----------`----------`-----|---`-> failed, with a back-off |
                                           `-- waking <- roused <----------'
"""

from __future__ import annotations

from ostler.core.fleet import refusals, thrashing
from ostler.core.fleet.actions import Refuse, Size, Sleep, Stop, Withdraw
from ostler.core.fleet.events import (
    Adopted,
    Asked,
    Broken,
    Busy,
    Ended,
    Failed,
    Idle,
    Ready,
    Sized,
    Slept,
    StopAsked,
    Withdrawn,
)
from ostler.core.fleet.refusals import answer
from ostler.core.fleet.returning import NEVER, Usage
from ostler.core.fleet.state import (
    ALIVE,
    COMING,
    HOLDING,
    LEAVING,
    LOADING,
    Berth,
    Fleet,
    Place,
    State,
    Unit,
)
from ostler.core.fleet.turn import Turn

FIRST_BACKOFF = 1.0  # seconds after a first failure; doubles with each further one
LONGEST_BACKOFF = 300.0
PROVEN = 60.0  # an engine that was ready this long had started well: failures count anew
OUT_OF_MEMORY = "out_of_memory"  # the cause in a Diagnosis
BREAKS = 3  # broken connections that open a replica's circuit,
SOON = 30.0  # where each comes so many seconds after the one before
AVOIDED = 5.0  # seconds before a replica whose circuit is open is tried again


def asked(turn: Turn, event: Asked) -> None:
    """Somebody needs the model: raise it, or say why not."""
    rules, unit = turn.fleet.rules(event.model), turn.fleet.unit(event.model)
    if rules.closed:
        turn.do(Refuse(event.model, "outside_schedule", rules.closed))
        return
    if unit.failure and turn.at < unit.retry_at and not event.insists:
        answer(turn, refusals.failed(unit, unit.failure, unit.retry_at - turn.at, now=False))
        return
    thrashing.notice(turn, unit)
    if event.lease is not None:
        until = turn.at + event.lease if unit.state is State.READY else None
        turn.put(turn.fleet.unit(event.model), lease=event.lease, until=until)
    raise_unit(turn, turn.fleet.unit(event.model), event.preempts)


def raise_unit(turn: Turn, unit: Unit, preempts: bool = True) -> None:
    """Begin a unit's life, or remember to begin it again."""
    if unit.state in LEAVING:
        turn.put(unit, wanted=True, preempts=preempts)
    elif unit.state in COMING:
        turn.put(unit, preempts=unit.preempts or preempts)
    elif unit.state is State.ASLEEP:
        turn.enter(
            unit, State.ROUSED, wanted=False, preempts=preempts, dismissed=False, evicted_at=None
        )
        turn.seating = True
    elif unit.state is not State.READY:
        turn.enter(
            unit, State.SIZING, wanted=False, preempts=preempts, dismissed=False, evicted_at=None
        )
        turn.do(Size(unit.id, unit.less))


def sized(turn: Turn, event: Sized) -> None:
    """It takes its place in the line for room."""
    unit = turn.fleet.unit(event.unit)
    if unit.state is State.SIZING:
        turn.enter(
            unit, State.WAITING, needs=event.needs, devices=event.devices,
            reload_seconds=event.reload_seconds, spread=event.spread, nap=event.nap,
        )  # fmt: skip
        turn.seating = True


def ready(turn: Turn, event: Ready) -> None:
    """It takes requests; its replicas are raised where there is free room for them."""
    unit = turn.fleet.unit(event.unit)
    if unit.state not in LOADING:
        return
    turn.enter(
        unit, State.READY, why="", wanted=False, breaks=0, avoided_until=0.0, host=None,
        usage=unit.usage or Usage(turn.at),
        until=None if unit.lease is None else turn.at + unit.lease,
    )  # fmt: skip
    turn.seating = True
    for id in turn.fleet.replicas(unit.model):
        other = turn.fleet.unit(id)
        if other.state is State.STOPPED and not other.dismissed:
            raise_unit(turn, other, preempts=turn.fleet.rules(unit.model).pinned)


def adopted(turn: Turn, event: Adopted) -> None:
    """It runs already; it keeps its place if the device still has the room for it."""
    unit = turn.fleet.unit(event.unit)
    if unit.state in ALIVE:
        return
    fleet = turn.fleet
    fits = all(fleet.held(on) + event.needs <= fleet.room.get(on, 0) for on in event.on)
    places = tuple(Place(device, _largest(fleet, device)) for device in event.on)
    known = {
        "needs": event.needs, "devices": event.devices, "spread": len(event.on), "nap": event.nap,
        "places": places, "reload_seconds": event.reload_seconds,
    }  # fmt: skip
    if not fits or fleet.rules(unit.model).closed:
        turn.do(Stop(unit.id))
        why = "It had no room any more when the server came back."
        turn.enter(unit, State.STOPPING, why=why)
        return
    turn.enter(unit, State.READY, usage=Usage(turn.at), **known)


def _largest(fleet: Fleet, device: str) -> str:
    """The berth of a device where a unit that was found there counts."""
    there = [berth for berth in fleet.berths.values() if berth.device == device]
    return max(there, key=lambda one: one.room, default=Berth("", device, 0)).id


def failed(turn: Turn, event: Failed) -> None:
    """It is tried again after a back-off; at once with less context, where that is allowed."""
    unit = turn.fleet.unit(event.unit)
    if unit.state is State.STOPPING:
        ended(turn, Ended(event.unit, event.at))
        return
    if unit.state not in ALIVE:
        return
    turn.seating = True
    failure = event.failure
    allowed = turn.fleet.rules(unit.model).less_context
    if failure.cause == OUT_OF_MEMORY and allowed and not unit.less:
        turn.enter(unit, State.SIZING, less=True, why=failure.why, wanted=False)
        turn.do(Size(unit.id, less=True))
        return
    served = unit.state in (State.READY, State.DRAINING)
    failures = 1 if served and turn.at - unit.since >= PROVEN else unit.failures + 1
    wait = min(FIRST_BACKOFF * 2 ** (failures - 1), LONGEST_BACKOFF)
    turn.enter(
        unit, State.FAILED, wanted=False, failures=failures, retry_at=turn.at + wait,
        why=failure.why, failure=failure,
    )  # fmt: skip
    answer(turn, refusals.failed(unit, failure, wait, now=True))


def busy(turn: Turn, event: Busy) -> None:
    """It has requests."""
    unit = turn.fleet.unit(event.unit)
    if unit.state in HOLDING and not unit.busy:
        turn.use(unit, busy=True, served=True, kept=event.keep)
    elif unit.state in HOLDING and event.keep and not unit.kept:
        turn.put(unit, kept=True)


def idle(turn: Turn, event: Idle) -> None:
    """It has none; if it was only to finish those it had, it is stopped."""
    unit = turn.fleet.unit(event.unit)
    if unit.state in HOLDING and unit.busy:
        usage = (unit.usage or NEVER)._replace(last=turn.at)
        unit = turn.put(unit, busy=False, usage=usage, used_at=turn.at)
        _stop_if_left(turn, unit)
        turn.seating = True


def withdrawn(turn: Turn, event: Withdrawn) -> None:
    """No request is on its way to it any more."""
    unit = turn.fleet.unit(event.unit)
    if unit.state is State.DRAINING:
        _stop_if_left(turn, turn.put(unit, withdrawn=True))


def _stop_if_left(turn: Turn, unit: Unit) -> None:
    if unit.state is State.DRAINING and unit.withdrawn and not unit.busy:
        turn.enter(unit, State.DOZING if unit.to_sleep else State.STOPPING)
        turn.do(Sleep(unit.id) if unit.to_sleep else Stop(unit.id))


def slept(turn: Turn, event: Slept) -> None:
    """It holds less now; if somebody asked for it meanwhile, it waits for room to wake."""
    unit = turn.fleet.unit(event.unit)
    if unit.state is State.DOZING:
        unit = turn.enter(unit, State.ASLEEP, asleep=True, to_sleep=False)
        turn.seating = True
        if unit.wanted:
            raise_unit(turn, unit, unit.preempts)


def broken(turn: Turn, event: Broken) -> None:
    """A replica that breaks connections again and again is left alone for a while."""
    unit = turn.fleet.unit(event.unit)
    if unit.state is State.READY:
        breaks = unit.breaks + 1 if turn.at - unit.broke_at <= SOON else 1
        if breaks >= BREAKS:
            turn.reroute(unit, breaks=0, avoided_until=turn.at + AVOIDED)
        else:
            turn.put(unit, breaks=breaks, broke_at=turn.at)


def stop_asked(turn: Turn, event: StopAsked) -> None:
    """The operator's word: every unit of the model goes."""
    for unit in turn.fleet.all_units(event.model):
        dismiss(turn, unit, "It was stopped by the operator.", event.force)


def dismiss(turn: Turn, unit: Unit, why: str, force: bool = False) -> None:
    """Let a unit go for good: until somebody asks for it, no pin raises it."""
    if unit.state is State.FAILED:
        turn.enter(unit, State.STOPPED, failures=0, why=why, dismissed=True)
    elif unit.state in COMING or unit.state in (State.DOZING, State.ASLEEP):
        _stop_now(turn, unit, why)
    elif unit.state in (State.READY, State.DRAINING) and force:
        turn.enter(unit, State.STOPPING, why=why, dismissed=True, to_sleep=False, lease=None)
        turn.do(Stop(unit.id))
    elif unit.state is State.READY:
        turn.enter(unit, State.DRAINING, why=why, dismissed=True, evicted_at=None, lease=None)
        turn.do(Withdraw(unit.id))
    elif unit.state is State.DRAINING and unit.to_sleep:
        turn.put(unit, to_sleep=False, host=None, why=why, dismissed=True, evicted_at=None)


def _stop_now(turn: Turn, unit: Unit, why: str) -> None:
    turn.enter(unit, State.STOPPING, why=why, dismissed=True, to_sleep=False, lease=None)
    turn.do(Stop(unit.id))
    hint = f"ostler load {unit.model}"
    answer(turn, Refuse(unit.model, "stopped", f"{unit.model}: {why}", hint))


def ended(turn: Turn, event: Ended) -> None:
    """It is gone; if somebody asked for it meanwhile, it comes back."""
    unit = turn.fleet.unit(event.unit)
    if unit.state in (State.STOPPING, State.DOZING):  # one that cannot sleep after all ends
        gone = turn.enter(unit, State.STOPPED, failures=0, less=False)
        if unit.wanted:
            raise_unit(turn, gone, unit.preempts)
