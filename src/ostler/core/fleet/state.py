"""The fleet as a value: units, wishes, room, and who waits for it.

One unit is one engine's life; a model has one, or as many as it has replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ostler.core.fleet.returning import Usage
from ostler.core.fleet.shelves import Shelves

COST, LRU = "cost", "lru"  # how victims are chosen
REPLICA = "~"  # between a model's name and a replica's number


class State(StrEnum):
    """Where a unit is in its life."""

    STOPPED = "stopped"
    SIZING = "sizing"  # its files are fetched if need be, and read to learn what it needs
    WAITING = "waiting"  # for room, or for its turn to load
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"  # takes no new requests, finishes those it has
    STOPPING = "stopping"
    FAILED = "failed"


HOLDING = frozenset({State.STARTING, State.READY, State.DRAINING, State.STOPPING})
LEAVING = frozenset({State.DRAINING, State.STOPPING})
COMING = frozenset({State.SIZING, State.WAITING, State.STARTING})
ALIVE = HOLDING | COMING


@dataclass(frozen=True, slots=True)
class Unit:
    """One engine's life, or the memory of it."""

    id: str
    state: State = State.STOPPED
    since: float = 0.0  # when it entered its state
    # What sizing said.
    needs: int = 0  # bytes on its device, margin included
    devices: tuple[str, ...] = ()  # that it can run on, best first
    reload_seconds: float = 0.0
    # Where it is.
    berth: str = ""
    device: str = ""
    busy: bool = False
    served: bool = False  # it had a request since it became ready
    withdrawn: bool = False  # nobody sends it requests any more
    # What is to come.
    wanted: bool = False  # asked for while it was going away
    preempts: bool = True  # others may be stopped for it
    less: bool = False  # started with less context, after it ran out of memory
    usage: Usage | None = None  # kept when it is stopped: it may be asked for again
    evicted_at: float | None = None
    dismissed: bool = False  # stopped or refused; not raised by a pin alone
    # What went wrong.
    failures: int = 0  # in a row
    retry_at: float = 0.0
    breaks: int = 0  # connections broken in a row
    avoided_until: float = 0.0  # its circuit is open: requests go to other replicas
    why: str = ""  # why it failed, was stopped or refused

    @property
    def model(self) -> str:
        return self.id.partition(REPLICA)[0] if REPLICA in self.id else self.id


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator wishes for one model."""

    pinned: bool = False
    pool: str = ""  # empty: wherever the pools' order leads
    replicas: int = 1
    ttl: float | None = None  # seconds without a request before it is stopped; None: the policy's
    less_context: bool = False  # after running out of memory it may start once with less
    closed: str = ""  # why it may not be used now: outside its hours


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all models. Times are seconds."""

    eviction: str = COST
    # A model that has come stays at least as long as its load took, at most this long: so no
    # device spends more than half of its time loading.
    residency: float = 15.0
    loads: int = 1  # at once on one device: two share its bus and disk, and both are late
    patience: float = 300.0  # the longest a model waits for room
    ttl: float | None = None
    spill: bool = False  # who finds no room in the catch-all pool may go where no pool is
    keep_last: bool = False  # the last used model of a device outlives its TTL
    restarts: int = 3  # of a pinned model that keeps dying, before it stays down


@dataclass(frozen=True, slots=True)
class Berth:
    """A pool's share of one device, in bytes."""

    id: str
    device: str
    room: int
    pool: str = ""  # empty: what the operator gave to no pool


@dataclass(frozen=True, slots=True)
class Wishes:
    """Everything the operator wishes, as the fleet needs it."""

    rules: Mapping[str, Rules] = field(default_factory=dict)
    preload: tuple[str, ...] = ()  # pinned models, in the order of loading
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All units, where they are, and who waits."""

    room: Mapping[str, int]  # device -> bytes that models may take
    berths: Mapping[str, Berth] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)
    units: Shelves[Unit] = field(default_factory=Shelves)
    holders: Mapping[str, Mapping[str, Unit]] = field(default_factory=dict)  # by device and id
    waiting: tuple[str, ...] = ()  # unit ids, first come first
    returns: tuple[float, ...] = ()  # when models came back soon after they were evicted
    edition: int = 0  # grows when a unit changes its state

    def unit(self, id: str) -> Unit:
        return self.units.get(id) or Unit(id)

    def rules(self, model: str) -> Rules:
        return self.wishes.rules.get(model, NO_RULES)

    def on(self, device: str) -> tuple[Unit, ...]:
        """The units that hold memory of a device."""
        return tuple(self.holders.get(device, {}).values())

    def held(self, device: str) -> int:
        """Bytes of a device that units hold, from the moment they start to their end."""
        return sum(unit.needs for unit in self.on(device))

    def replicas(self, model: str) -> tuple[str, ...]:
        """The ids of a model's units; the first is the model's own name."""
        return replica_ids(model, self.rules(model).replicas)

    def all_units(self, model: str) -> list[Unit]:
        """The model's units, those that the wishes no longer name included."""
        number, found = 1, [self.unit(model)]
        while other := self.units.get(f"{model}{REPLICA}{(number := number + 1)}"):
            found.append(other)
        return found


def replica_ids(model: str, count: int) -> tuple[str, ...]:
    """Return the names of a model's units."""
    return (model, *(f"{model}{REPLICA}{number}" for number in range(2, count + 1)))


def fleet_of(room: Mapping[str, int]) -> Fleet:
    """Return an empty fleet in which every device is one berth."""
    return Fleet(room, {device: Berth(device, device, size) for device, size in room.items()})
