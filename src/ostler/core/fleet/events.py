"""What can happen. Times are seconds on any steady clock; `unit` and `model` are names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ostler.core.fleet.failure import Failure
from ostler.core.fleet.state import Berth, Nap, Wishes


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody needs this model now; others may be stopped for it where `preempts`.

    With a `lease` it ends so many seconds after it is ready, or after now where it is. Who
    `insists`, an operator, may have mended what failed: no back-off holds them up.
    """

    model: str
    at: float
    preempts: bool = True
    lease: float | None = None
    insists: bool = False


@dataclass(frozen=True, slots=True)
class Sized:
    """What the unit needs is known, and the devices that it can run on, best first.

    `needs` are the bytes on each of the `spread` devices that it takes at once.
    """

    unit: str
    at: float
    needs: int
    devices: tuple[str, ...]
    reload_seconds: float = 1.0
    spread: int = 1
    nap: Nap | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Its engine has answered a real request, or is awake again."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class Adopted:
    """An engine that an earlier keeper started still runs and answers."""

    unit: str
    at: float
    on: tuple[str, ...]  # the devices that it runs on
    needs: int  # bytes on each of them
    devices: tuple[str, ...]
    reload_seconds: float = 1.0
    nap: Nap | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be sized or started, or its engine died."""

    unit: str
    at: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class Busy:
    """Its first request of a while is under way, or the first of callers that `keep` it."""

    unit: str
    at: float
    keep: bool = False  # others are not to pre-empt it while it is busy


@dataclass(frozen=True, slots=True)
class Idle:
    """Its last request has ended."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class Slept:
    """Its engine has given its memory back, and stays."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """No gateway sends it requests any more; Busy was told for all that were sent."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class Broken:
    """It refused a connection or broke one off."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The operator wants the model stopped; by force, also in the middle of requests."""

    model: str
    at: float
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """Its engine has ended because we asked."""

    unit: str
    at: float


@dataclass(frozen=True, slots=True)
class Wished:
    """The operator's wishes, or what follows from them at this hour, are others now."""

    at: float
    wishes: Wishes
    berths: Mapping[str, Berth]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at: float


Event = (
    Asked | Sized | Ready | Adopted | Failed | Busy | Idle | Slept | Withdrawn | Broken | StopAsked
    | Ended | Wished | Tick
)  # fmt: skip
