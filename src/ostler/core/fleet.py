"""Which models run: `step(fleet, event) -> (fleet, actions)`, a function over data.

One unit is one model's life. Its states:

    stopped -> sizing -> starting -> ready -> (draining ->) stopping -> stopped
                  \\          \\         \\          \\
                   `----------`----------`----------`-> failed, with a back-off

Time arrives inside the events, in seconds on any steady clock. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ostler.core.sizes import duration, memory

FIRST_BACKOFF = 1.0  # seconds after a first failure; doubles with each further one
LONGEST_BACKOFF = 300.0
PROVEN = 60.0  # an engine that was ready this long had started well: failures count anew


class State(StrEnum):
    """Where a model is in its life."""

    STOPPED = "stopped"
    SIZING = "sizing"  # its files are read to learn what it needs
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"  # takes no new requests, finishes those it has
    STOPPING = "stopping"
    FAILED = "failed"


HOLDING = frozenset({State.STARTING, State.READY, State.DRAINING, State.STOPPING})
ALIVE = HOLDING | {State.SIZING}


@dataclass(frozen=True, slots=True)
class Unit:
    """One model of the fleet."""

    id: str
    state: State = State.STOPPED
    device: str = ""
    needs: int = 0  # bytes on its device, margin included
    busy: bool = False
    wanted: bool = False  # asked for while it was going away
    failures: int = 0  # in a row
    retry_at: float = 0.0
    since: float = 0.0  # when it entered its state
    why: str = ""  # why it failed, or why it was stopped


@dataclass(frozen=True, slots=True)
class Fleet:
    """All units, and the bytes that each device can give to models."""

    room: Mapping[str, int]
    units: Mapping[str, Unit] = field(default_factory=dict)

    def unit(self, model: str) -> Unit:
        return self.units.get(model, Unit(model))

    def held(self, device: str) -> int:
        """Bytes that units hold on a device, from the moment they start to their end."""
        return sum(unit.needs for unit in self.holders(device))

    def holders(self, device: str) -> tuple[Unit, ...]:
        """The units that hold memory on a device."""
        units = self.units.values()
        return tuple(u for u in units if u.device == device and u.state in HOLDING)


# --- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody needs this model now."""

    model: str
    at: float


@dataclass(frozen=True, slots=True)
class Sized:
    """What the model needs, and the device it would go to, are known."""

    model: str
    at: float
    device: str
    needs: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Its engine has answered a real request."""

    model: str
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be sized or started, or its engine died."""

    model: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Its first request of a while is under way."""

    model: str
    at: float


@dataclass(frozen=True, slots=True)
class Idle:
    """Its last request has ended."""

    model: str
    at: float


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The operator wants it stopped; by force, also in the middle of requests."""

    model: str
    at: float
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """Its engine has ended because we asked."""

    model: str
    at: float


Event = Asked | Sized | Ready | Failed | Busy | Idle | StopAsked | Ended


# --- actions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """Read the model's files and report Sized or Failed."""

    model: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start its engine and report Ready or Failed."""

    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End its engine, or its start, and report Ended."""

    model: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer everybody who waits for this model."""

    model: str
    code: str  # as in errors.py
    what: str
    hint: str = ""
    retry_after: float | None = None


Action = Size | Start | Stop | Refuse


# --- the step -----------------------------------------------------------------------------


def step(fleet: Fleet, event: Event) -> tuple[Fleet, tuple[Action, ...]]:
    """Return the fleet after the event, and what must now be done, in order."""
    unit = fleet.unit(event.model)
    match event:
        case Asked():
            unit, actions = _asked(unit, event)
        case Sized():
            unit, actions = _sized(fleet, unit, event)
        case Ready():
            unit, actions = _ready(unit, event)
        case Failed():
            unit, actions = _failed(unit, event)
        case Busy():
            unit, actions = replace(unit, busy=True), ()
        case Idle():
            unit, actions = _idle(unit, event)
        case StopAsked():
            unit, actions = _stop_asked(unit, event)
        case Ended():
            unit, actions = _ended(unit, event)
    return replace(fleet, units={**fleet.units, unit.id: unit}), actions


Outcome = tuple[Unit, tuple[Action, ...]]


def _enter(unit: Unit, state: State, at: float) -> Unit:
    return replace(unit, state=state, since=at)


def _asked(unit: Unit, event: Asked) -> Outcome:
    if unit.state in (State.DRAINING, State.STOPPING):
        return replace(unit, wanted=True), ()
    if unit.state in ALIVE:
        return unit, ()
    if unit.state is State.FAILED and event.at < unit.retry_at:
        wait = unit.retry_at - event.at
        what = f"{unit.why} It may be tried again in {duration(wait)}."
        return unit, (Refuse(unit.id, "engine_failed", what, _logs(unit), wait),)
    return replace(_enter(unit, State.SIZING, event.at), wanted=False), (Size(unit.id),)


def _sized(fleet: Fleet, unit: Unit, event: Sized) -> Outcome:
    if unit.state is not State.SIZING:
        return unit, ()
    free = fleet.room.get(event.device, 0) - fleet.held(event.device)
    if event.needs <= free:
        started = _enter(unit, State.STARTING, event.at)
        started = replace(started, device=event.device, needs=event.needs, busy=False)
        return started, (Start(unit.id),)
    what = (
        f"{unit.id} needs {memory(event.needs)} on {event.device}, "
        f"and {memory(max(free, 0))} of {memory(fleet.room.get(event.device, 0))} is free."
    )
    stopped = replace(_enter(unit, State.STOPPED, event.at), why=what)
    return stopped, (Refuse(unit.id, "no_capacity", what, _make_room(fleet, event.device)),)


def _make_room(fleet: Fleet, device: str) -> str:
    holders = sorted(unit.id for unit in fleet.holders(device))
    if not holders:
        return "Ask for less with a smaller context, or a smaller quantization."
    return "Make room first: " + " or ".join(f"ostler stop {name}" for name in holders)


def _ready(unit: Unit, event: Ready) -> Outcome:
    if unit.state is not State.STARTING:
        return unit, ()
    return replace(_enter(unit, State.READY, event.at), why="", wanted=False), ()


def _failed(unit: Unit, event: Failed) -> Outcome:
    if unit.state is State.STOPPING:
        return _ended(unit, Ended(event.model, event.at))
    if unit.state not in ALIVE:
        return unit, ()
    lasted = unit.state is State.READY and event.at - unit.since >= PROVEN
    failures = 1 if lasted else unit.failures + 1
    wait = min(FIRST_BACKOFF * 2 ** (failures - 1), LONGEST_BACKOFF)
    failed = replace(_enter(unit, State.FAILED, event.at), needs=0, busy=False, wanted=False)
    failed = replace(failed, failures=failures, retry_at=event.at + wait, why=event.why)
    return failed, (Refuse(unit.id, "engine_failed", event.why, _logs(unit), wait),)


def _idle(unit: Unit, event: Idle) -> Outcome:
    unit = replace(unit, busy=False)
    if unit.state is State.DRAINING:
        return _enter(unit, State.STOPPING, event.at), (Stop(unit.id),)
    return unit, ()


def _stop_asked(unit: Unit, event: StopAsked) -> Outcome:
    why = "It was stopped by the operator."
    if unit.state is State.FAILED:
        return replace(_enter(unit, State.STOPPED, event.at), failures=0, why=why), ()
    if unit.state in (State.SIZING, State.STARTING):
        refusal = Refuse(unit.id, "stopped", f"{unit.id}: {why}", f"ostler run {unit.id}")
        return replace(_enter(unit, State.STOPPING, event.at), why=why), (Stop(unit.id), refusal)
    if unit.state is State.READY and unit.busy and not event.force:
        return replace(_enter(unit, State.DRAINING, event.at), why=why), ()
    if unit.state in (State.READY, State.DRAINING) and (event.force or not unit.busy):
        return replace(_enter(unit, State.STOPPING, event.at), why=why), (Stop(unit.id),)
    return unit, ()


def _ended(unit: Unit, event: Ended) -> Outcome:
    if unit.state is not State.STOPPING:
        return unit, ()
    gone = _enter(unit, State.STOPPED, event.at)
    gone = replace(gone, needs=0, busy=False, wanted=False, failures=0)
    return _asked(gone, Asked(unit.id, event.at)) if unit.wanted else (gone, ())


def _logs(unit: Unit) -> str:
    return f"ostler logs {unit.id}"
