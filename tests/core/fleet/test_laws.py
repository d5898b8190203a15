"""The fleet's laws over generated histories, with slow lines, deaths, clocks and other wishes.

Each request is answered exactly once; no device's memory is ever overcommitted, and nothing runs
on a part of its devices; nothing pinned is evicted and nothing busy stopped or put to sleep; one
engine and one sizing per unit; nobody starves; the same history gives the same actions; the
accounts that are carried on are true. `World` asserts all but the last three at every step.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.core.fleet.world import NEEDS, World

from ostler.core import fleet as f
from ostler.core.fleet import pools
from ostler.core.fleet.state import LOADING

# OSTLER_HISTORIES=5000 plays thousands, and shows a failure as it was found, without shrinking it.
ASKED_FOR = os.environ.get("OSTLER_HISTORIES")
MANY = int(ASKED_FOR or 300)
PHASES = (Phase.generate,) if ASKED_FOR else tuple(Phase)
POLICIES = st.builds(
    f.Policy,
    eviction=st.sampled_from(["cost", "lru"]),
    residency=st.sampled_from([0.0, 15.0]),
    loads=st.sampled_from([1, 2]),
    spill=st.booleans(),
    ttl=st.sampled_from([None, 30.0]),
    keep_last=st.booleans(),
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "a": st.builds(f.Rules, pinned=st.just(True), replicas=st.sampled_from([1, 2])),
        "b": st.builds(f.Rules, replicas=st.sampled_from([1, 2]), less_context=st.booleans()),
        "c": st.builds(f.Rules, closed=st.sampled_from(["", "It is used by night."])),
        "e": st.builds(f.Rules, pinned=st.just(True)),
        "wide": st.builds(f.Rules, pinned=st.booleans()),
    },
)
SHARES = st.sampled_from(
    [{}, {pools.CATCHALL: pools.Share(("gpu:1",))}, {"catchall": pools.Share(("gpu:0",), part=0.5)}]
)


def wishes(rules: dict[str, f.Rules], policy: f.Policy) -> f.Wishes:
    return f.Wishes(rules, tuple(m for m, one in rules.items() if one.pinned), policy)


class History(RuleBasedStateMachine):
    """Callers ask, lines are slow, engines start, die and end, operators change their minds."""

    @initialize(rules=RULES, policy=POLICIES, shares=SHARES)
    def begin(
        self, rules: dict[str, f.Rules], policy: f.Policy, shares: dict[str, pools.Share]
    ) -> None:
        self.policy = policy
        self.world = World(wishes(rules, policy), shares)

    @rule(model=st.sampled_from(sorted(NEEDS)), keep=st.booleans())
    def somebody_asks(self, model: str, keep: bool) -> None:
        self.world.request(model, keep)

    @rule(model=st.sampled_from(sorted(NEEDS)), lease=st.sampled_from([0.0, 10.0, 100.0]))
    def the_operator_loads_for_a_while(self, model: str, lease: float) -> None:
        self.world.tell(f.Asked(model, self.world.now, lease=lease))

    @rule(count=st.integers(1, 6))
    def the_gateway_hears(self, count: int) -> None:
        for _ in range(count):
            self.world.gateway_hears()

    @rule(count=st.integers(1, 6))
    def the_keeper_hears(self, count: int) -> None:
        for _ in range(count):
            self.world.keeper_hears()

    @precondition(lambda self: self.world.flying)
    @rule(data=st.data())
    def a_request_ends(self, data: st.DataObject) -> None:
        self.world.request_ends(data.draw(st.sampled_from(sorted(self.world.flying))))

    @precondition(lambda self: self.world.sizing)
    @rule(data=st.data(), good=st.sampled_from([True, True, True, False]))
    def sizing_ends(self, data: st.DataObject, good: bool) -> None:
        unit = data.draw(st.sampled_from(sorted(self.world.sizing)))
        if good:
            self.world.sizing_ends(unit)
        else:
            self.world.sizing.discard(unit)
            self.world.tell(f.Failed(unit, self.world.now, f.Failure("Its files are damaged.")))

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data(), good=st.sampled_from([True, True, True, False]))
    def a_start_ends(self, data: st.DataObject, good: bool) -> None:
        unit = data.draw(st.sampled_from(sorted(self.world.engines)))
        if self.world.fleet.unit(unit).state in LOADING:
            if good:
                self.world.is_ready(unit)
            else:
                self.world.dies(unit, data.draw(st.sampled_from(["", "out_of_memory"])))

    @rule(good=st.sampled_from([True, True, False]))
    def falling_asleep_ends(self, good: bool) -> None:
        for unit in list(self.world.fleet.units.values()):
            if unit.state is f.State.DOZING and good:
                self.world.sleeps(unit.id)
            elif unit.state is f.State.DOZING:
                self.world.stop_is_done(unit.id)

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data())
    def an_engine_dies(self, data: st.DataObject) -> None:
        self.world.dies(data.draw(st.sampled_from(sorted(self.world.engines))))

    @rule()
    def stops_are_done(self) -> None:
        for unit in list(self.world.fleet.units.values()):
            if unit.state is f.State.STOPPING:
                self.world.stop_is_done(unit.id)

    @precondition(lambda self: self.world.engines)
    @rule(data=st.data())
    def a_connection_breaks(self, data: st.DataObject) -> None:
        unit = data.draw(st.sampled_from(sorted(self.world.engines)))
        self.world.tell(f.Broken(unit, self.world.now))

    @rule(seconds=st.sampled_from([0.1, 1.0, 20.0, 70.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.tell(f.Tick(self.world.now))

    @rule(model=st.sampled_from(sorted(NEEDS)), force=st.booleans())
    def the_operator_stops(self, model: str, force: bool) -> None:
        self.world.tell(f.StopAsked(model, self.world.now, force))

    @rule(rules=RULES, shares=SHARES)
    def the_wishes_change(self, rules: dict[str, f.Rules], shares: dict[str, pools.Share]) -> None:
        berths, _ = pools.berths(self.world.fleet.room, shares)
        self.world.tell(f.Wished(self.world.now, wishes(rules, self.policy), berths))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.settle()
        answered = self.world.answers
        assert set(answered) == set(range(1, self.world.requests + 1)), "every request is answered"
        for unit in self.world.fleet.units.values():
            assert unit.state is not f.State.FAILED or unit.why


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=MANY, stateful_step_count=50, deadline=None, report_multiple_bugs=False,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
