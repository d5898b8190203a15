"""A world for the fleet: gateways with slow lines, engines that die, and what may never happen."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from ostler.core import fleet as f
from ostler.core.fleet import pools
from ostler.core.fleet.decks import shares
from ostler.core.fleet.state import IN_LINE, LOADING, RUNNING

GIB = 2**30
ROOM = {"gpu:0": 10 * GIB, "gpu:1": 6 * GIB, "cpu": 4 * GIB}
GPUS = ("gpu:0", "gpu:1")
NEEDS = {
    "a": 2 * GIB, "b": 3 * GIB, "c": 5 * GIB, "d": 9 * GIB, "e": 4 * GIB, "huge": 20 * GIB,
    "wide": 4 * GIB, "wider": 1 * GIB,
}  # fmt: skip
SPREAD = {"wide": 2, "wider": 3}  # devices at once; there are two
NAPS = {"b": f.Nap(GIB // 2, 2 * GIB, 0.5), "wide": f.Nap(GIB, 3 * GIB, 1.0)}


@dataclass(frozen=True)
class Table:
    """What the keeper tells the gateway: who takes requests, and every model's state."""

    serial: int
    routes: dict[str, tuple[str, ...]]
    states: dict[str, f.State]


@dataclass
class World:
    """The keeper's fleet, its gateway and its engines. Every law is an assertion in here."""

    wishes: f.Wishes = field(default_factory=f.Wishes)
    shares: dict[str, pools.Share] = field(default_factory=dict)
    now: float = 0.0

    def __post_init__(self) -> None:
        berths, _ = pools.berths(ROOM, self.shares)
        self.fleet = f.Fleet(ROOM, berths)
        # What engines really take: unit -> device -> bytes.
        self.engines: dict[str, dict[str, int]] = {}
        self.sizing: set[str] = set()
        self.by_force: set[str] = set()
        self.outbox: deque[Table | f.Refuse] = deque()  # to the gateway, in order
        self.inbox: deque[f.Event | int] = deque()  # from it: events, and serials that it took
        self.table = Table(0, {}, dict.fromkeys(NEEDS, f.State.STOPPED))
        self.serial = 0
        self.leaving: list[tuple[int, str]] = []
        self.wanted: set[str] = set()
        self.parked: dict[str, list[int]] = {model: [] for model in NEEDS}
        self.flying: dict[int, str] = {}  # request -> unit
        self.answers: Counter[int] = Counter()
        self.requests = 0
        self.warnings: list[f.Warn] = []
        self.used: set[str] = set()  # units that were told of as busy
        self.tell(f.Wished(0.0, self.wishes, berths))

    # --- the keeper -----------------------------------------------------------------------

    def tell(self, event: f.Event) -> tuple[f.Action, ...]:
        before = self.fleet
        self.fleet, actions = f.step(before, event)
        assert f.step(before, event) == (self.fleet, actions), "same history, same actions"
        if isinstance(event, f.Busy) and self.fleet.unit(event.unit).busy:
            self.used.add(event.unit)
        self.check_units()
        withdrawn = []
        for action in actions:
            match action:
                case f.Size(unit):
                    assert unit not in self.sizing | self.engines.keys(), "single flight"
                    self.sizing.add(unit)
                case f.Start(unit, devices):
                    assert unit not in self.engines, "single flight"
                    started = self.fleet.unit(unit)
                    assert len(set(devices)) == started.spread, "whole, or not at all"
                    assert [place.device for place in started.places] == [*devices]
                    self.engines[unit] = dict.fromkeys(devices, started.needs)
                case f.Sleep(unit):
                    self.check_stop(before, unit, event)
                    self.engines[unit]["cpu"] = NAPS[unit.partition("~")[0]].kept
                case f.Wake(unit):
                    nap, needs = NAPS[unit.partition("~")[0]], self.fleet.unit(unit).needs
                    held = self.engines[unit]
                    assert held["cpu"] == nap.kept
                    self.engines[unit] = held | {on: needs for on in held if on != "cpu"}
                case f.Withdraw(unit):
                    self.check_may_go(before, unit, event)
                    withdrawn.append(unit)
                case f.Stop(unit):
                    self.check_stop(before, unit, event)
                case f.Refuse():
                    assert action.what
                    assert action.code
                    self.outbox.append(action)
                case f.Warn():
                    self.warnings.append(action)
        if self.fleet.edition != before.edition:
            self.publish(withdrawn)
        assert self.fleet.edition != before.edition or not withdrawn
        self.check_room()
        return actions

    def publish(self, withdrawn: list[str]) -> None:
        self.serial += 1
        routes = {m: tuple(u.id for u in f.routable(self.fleet, m)) for m in NEEDS}
        states = {m: f.state_of(self.fleet, m) for m in NEEDS}
        self.outbox.append(Table(self.serial, routes, states))
        self.leaving += [(self.serial, unit) for unit in withdrawn]

    def check_units(self) -> None:
        for unit in self.fleet.units.values():
            assert (unit.failure is not None) == (unit.state is f.State.FAILED)
            if not unit.busy:
                assert (unit.used_at is not None) == (unit.id in self.used), "its last use is known"
            assert unit.used_at is None or unit.used_at <= self.now

    def check_may_go(self, before: f.Fleet, unit: str, event: f.Event) -> None:
        model = unit.partition("~")[0]
        leases = [one.until for one in before.all_units(model) if one.until is not None]
        if not isinstance(event, f.StopAsked | f.Wished) and not any(t <= self.now for t in leases):
            assert not before.rules(model).pinned, "nothing pinned is evicted"

    def check_stop(self, before: f.Fleet, unit: str, event: f.Event) -> None:
        if before.unit(unit).state not in (f.State.READY, f.State.DRAINING):
            return  # no request can have reached it; the table may still name a life before
        if isinstance(event, f.StopAsked) and event.force:
            self.by_force.add(unit)
            return
        routed = {id for ids in self.table.routes.values() for id in ids}
        assert unit not in routed, "the gateway may still send it requests"
        assert unit not in self.flying.values(), "nobody busy is stopped"

    def check_room(self) -> None:
        for device, room in ROOM.items():
            held = sum(engine.get(device, 0) for engine in self.engines.values())
            assert held <= room, "nothing is overcommitted"
            loading = sum(u.state in LOADING for u in self.fleet.on(device))
            assert loading <= self.fleet.wishes.policy.loads
            self.check_account(device)

    def check_account(self, device: str) -> None:
        """What is carried on from step to step is what counting all units again would give."""
        deck = self.fleet.deck(device)
        found = [(u, s) for u in self.fleet.units.values() for s in shares(u) if s.device == device]
        assert deck.units == {unit.id: unit for unit, _ in found}
        assert deck.held == sum(share.held for _, share in found) <= ROOM[device]
        assert deck.loads == sum(share.loading for _, share in found)
        for berth in {*deck.berths, *(share.berth for _, share in found)}:
            here = [share for _, share in found if share.berth == berth]
            sums = sum(share.held for share in here), sum(share.going for share in here)
            assert deck.berths.get(berth, (0, 0)) == sums
        assert sorted(id for _, id in deck.order) == sorted(
            unit.id for unit, _ in found if unit.state in RUNNING
        )
        assert list(deck.order) == sorted(deck.order)
        waiting = [unit.id for unit in self.fleet.units.values() if unit.state in IN_LINE]
        assert sorted(self.fleet.waiting) == sorted(waiting)

    # --- the gateway ----------------------------------------------------------------------

    def request(self, model: str, keep: bool = False) -> None:
        self.requests += 1
        self.serve(model, self.requests, keep)

    def serve(self, model: str, request: int, keep: bool = False) -> None:
        routes = self.table.routes.get(model, ())
        if not routes:
            self.parked[model].append(request)
            self.want(model)
            return
        load = Counter(self.flying.values())
        unit = min(routes, key=lambda id: load[id])
        if not load[unit] or keep:
            self.inbox.append(f.Busy(unit, self.now, keep))
        self.flying[request] = unit

    def want(self, model: str) -> None:
        if model not in self.wanted:
            self.wanted.add(model)
            self.inbox.append(f.Asked(model, self.now))

    def gateway_hears(self) -> None:
        if not self.outbox:
            return
        said = self.outbox.popleft()
        if isinstance(said, f.Refuse):
            self.wanted.discard(said.model)
            for request in self.release(said.model):
                self.answer(request)
            return
        before, self.table = self.table, said
        for model in NEEDS:
            if said.routes[model]:
                self.wanted.discard(model)
                for request in self.release(model):
                    self.serve(model, request)
            elif before.states[model] in f.COMING and said.states[model] not in f.COMING:
                self.wanted.discard(model)
                if self.parked[model] and said.states[model] is not f.State.FAILED:
                    self.want(model)
        self.inbox.append(said.serial)

    def release(self, model: str) -> list[int]:
        line, self.parked[model] = self.parked[model], []
        return line

    def keeper_hears(self) -> None:
        if not self.inbox:
            return
        said = self.inbox.popleft()
        if not isinstance(said, int):
            self.tell(said)
            return
        gone = [unit for serial, unit in self.leaving if serial <= said]
        self.leaving = [(serial, unit) for serial, unit in self.leaving if serial > said]
        for unit in gone:
            self.tell(f.Withdrawn(unit, self.now))

    def request_ends(self, request: int) -> None:
        unit = self.flying.pop(request)
        self.answer(request)
        if unit not in self.flying.values():
            self.inbox.append(f.Idle(unit, self.now))

    def answer(self, request: int) -> None:
        self.answers[request] += 1
        assert self.answers[request] == 1, "each request is answered once"

    # --- engines --------------------------------------------------------------------------

    def sizing_ends(self, unit: str) -> None:
        self.sizing.discard(unit)
        unit_now = self.fleet.unit(unit)
        if unit_now.state is f.State.STOPPING:
            self.tell(f.Ended(unit, self.now))
        else:
            model = unit_now.model
            needs = NEEDS[model] // (2 if unit_now.less else 1)
            spread, nap = SPREAD.get(model, 1), NAPS.get(model)
            self.tell(f.Sized(unit, self.now, needs, GPUS, 3.0, spread, nap))

    def goes(self, unit: str) -> None:
        """An engine is gone: what it had under way was broken off, which is an answer too."""
        self.engines.pop(unit, None)
        for request in [r for r, where in self.flying.items() if where == unit]:
            self.request_ends(request)

    def is_ready(self, unit: str) -> None:
        """Its start, or its waking, has ended well."""
        self.engines[unit].pop("cpu", None)
        self.tell(f.Ready(unit, self.now))

    def sleeps(self, unit: str) -> None:
        """It has given back what it does not keep."""
        nap, held = NAPS[unit.partition("~")[0]], self.engines[unit]
        self.engines[unit] = {on: nap.kept if on == "cpu" else nap.left for on in held}
        self.tell(f.Slept(unit, self.now))

    def dies(self, unit: str, cause: str = "") -> None:
        self.goes(unit)
        self.tell(f.Failed(unit, self.now, f.Failure("It died.", cause)))

    def stop_is_done(self, unit: str) -> None:
        self.sizing.discard(unit)
        self.by_force.discard(unit)
        self.goes(unit)
        self.tell(f.Ended(unit, self.now))

    # --- all goes well from here on ---------------------------------------------------------

    def settle(self) -> None:
        """Let everything that can go on go on; nobody may be left waiting."""
        for _ in range(600):
            if not self.one_round():
                return
        raise AssertionError("starved: " + repr({m: r for m, r in self.parked.items() if r}))

    def one_round(self) -> bool:
        while self.outbox or self.inbox:
            self.gateway_hears()
            self.keeper_hears()
        for request in list(self.flying):
            self.request_ends(request)
        for unit in list(self.sizing):
            self.sizing_ends(unit)
        for unit in list(self.fleet.units.values()):
            if unit.state in LOADING:
                self.is_ready(unit.id)
            elif unit.state is f.State.DOZING:
                self.sleeps(unit.id)
            elif unit.state is f.State.STOPPING:
                self.stop_is_done(unit.id)
        self.now += 1.0
        self.tell(f.Tick(self.now))
        return bool(self.outbox or self.inbox or self.flying or any(self.parked.values()))
