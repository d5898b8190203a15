"""The fleet as a value: units, wishes, room, and who waits for it.

One unit is one engine's life; a model has one, or as many as it has replicas. Units and fleets
are named tuples: a step copies a few of them, and these are copied the fastest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from ostler.core.fleet.failure import Failure
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
    DOZING = "dozing"  # its engine gives its memory back and stays
    ASLEEP = "asleep"
    ROUSED = "roused"  # asleep, asked for, and waiting for room
    WAKING = "waking"
    STOPPING = "stopping"
    FAILED = "failed"


HOLDING = frozenset(
    {
        State.STARTING, State.READY, State.DRAINING, State.DOZING, State.ASLEEP, State.ROUSED,
        State.WAKING, State.STOPPING,
    }
)  # fmt: skip
LEAVING = frozenset({State.DRAINING, State.DOZING, State.STOPPING})
IN_LINE = frozenset({State.WAITING, State.ROUSED})
LOADING = frozenset({State.STARTING, State.WAKING})  # they keep their devices' bus and disk busy
COMING = frozenset({State.SIZING, *IN_LINE, *LOADING})
ALIVE = HOLDING | COMING
RUNNING = frozenset({State.READY, State.ASLEEP})  # it may be let go for others


class Nap(NamedTuple):
    """What an engine holds asleep, and how long it takes to wake."""

    left: int  # bytes that stay on each of its devices
    kept: int  # bytes in the host's memory, where its weights wait; 0: they are read again
    seconds: float  # to wake


class Place(NamedTuple):
    """A device, and the berth of it in which a unit counts."""

    device: str
    berth: str


class Unit(NamedTuple):
    """One engine's life, or the memory of it."""

    id: str
    state: State = State.STOPPED
    since: float = 0.0  # when it entered its state
    # What sizing said.
    needs: int = 0  # bytes on each of its devices, margin included
    devices: tuple[str, ...] = ()  # that it can run on, best first
    spread: int = 1  # of which it takes so many at once
    reload_seconds: float = 0.0
    nap: Nap | None = None  # None: its engine cannot sleep
    # Where it is.
    places: tuple[Place, ...] = ()  # one for each device that it runs on
    host: Place | None = None  # where its weights are while it sleeps, or will be
    asleep: bool = False  # it holds what its nap says, not what it needs
    to_sleep: bool = False  # it is let go only to sleep
    busy: bool = False
    kept: bool = False  # by callers whose models are not to be pre-empted
    served: bool = False  # it had a request since it became ready
    withdrawn: bool = False  # nobody sends it requests any more
    # What is to come.
    wanted: bool = False  # asked for while it was going away
    preempts: bool = True  # others may be stopped for it
    less: bool = False  # started with less context, after it ran out of memory
    lease: float | None = None  # seconds that it may run once it is ready; None: no limit
    until: float | None = None  # when its lease ends
    usage: Usage | None = None  # kept when it is stopped: it may be asked for again
    used_at: float | None = None  # when its last request ended; None: none has
    evicted_at: float | None = None
    dismissed: bool = False  # stopped or refused; not raised by a pin alone
    # What went wrong.
    failures: int = 0  # in a row
    retry_at: float = 0.0
    breaks: int = 0  # connections broken, one soon after the other
    broke_at: float = 0.0
    avoided_until: float = 0.0  # its circuit is open: requests go to other replicas
    why: str = ""  # why it failed, was stopped or refused
    failure: Failure | None = None  # while it is failed, and at no other time

    def but(self, changes: Mapping[str, Any]) -> Unit:
        """Return it with changes; for a few of its many fields faster than `_replace`."""
        values = list(self)
        for name, value in changes.items():
            values[FIELD[name]] = value
        return Unit._make(values)

    @property
    def model(self) -> str:
        return self.id.partition(REPLICA)[0] if REPLICA in self.id else self.id

    @property
    def device(self) -> str:
        """Its first device; empty where it holds none."""
        return self.places[0].device if self.places else ""

    @property
    def berth(self) -> str:
        """The berth on its first device."""
        return self.places[0].berth if self.places else ""

    @property
    def holds(self) -> int:
        """Bytes that it holds on each of its devices."""
        return self.nap.left if self.asleep and self.nap else self.needs


FIELD = {name: place for place, name in enumerate(Unit._fields)}


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


class Deck(NamedTuple):
    """What one device carries, added up; `decks` keeps it."""

    units: Mapping[str, Unit] = MappingProxyType({})
    held: int = 0  # bytes
    loads: int = 0  # units that load now
    berths: Mapping[str, tuple[int, int]] = MappingProxyType({})  # bytes held, and those going
    # Those that may be let go, cheapest first as far as was known when each was looked at last:
    # (rank, id), where the rank is the least that letting it go can cost; see `returning.floor`.
    order: tuple[tuple[float, str], ...] = ()


BARE = Deck()


class Fleet(NamedTuple):
    """All units, where they are, and who waits."""

    room: Mapping[str, int]  # device -> bytes that models may take
    berths: Mapping[str, Berth] = MappingProxyType({})
    wishes: Wishes = Wishes()
    units: Shelves[Unit] = Shelves()
    decks: Mapping[str, Deck] = MappingProxyType({})  # by device
    waiting: tuple[str, ...] = ()  # unit ids, first come first
    returns: tuple[float, ...] = ()  # when models came back soon after they were evicted
    edition: int = 0  # grows when a unit changes its state

    def unit(self, id: str) -> Unit:
        return self.units.get(id) or Unit(id)

    def rules(self, model: str) -> Rules:
        return self.wishes.rules.get(model, NO_RULES)

    def deck(self, device: str) -> Deck:
        """What a device carries."""
        return self.decks.get(device, BARE)

    def on(self, device: str) -> tuple[Unit, ...]:
        """The units that hold memory of a device."""
        return tuple(self.deck(device).units.values())

    def held(self, device: str) -> int:
        """Bytes of a device that units hold, from the moment they start to their end."""
        return self.deck(device).held

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
