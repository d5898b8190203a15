"""Laws of the fleet, over generated histories: nothing overcommitted, nobody busy stopped."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from ostler.core import fleet as f

GIB = 2**30
MODELS = ("a", "b", "c", "d")
NEEDS = {"a": 2 * GIB, "b": 3 * GIB, "c": 5 * GIB, "d": 9 * GIB}


class History(RuleBasedStateMachine):
    """Callers ask, engines start, die and end, operators stop; the laws hold at every moment."""

    reported = Bundle("reported")

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.fleet = f.Fleet(room={"cpu": 8 * GIB})
        self.running: set[str] = set()  # engines that we told to start and that have not ended
        self.waiting: set[str] = set()  # models with callers that nobody has answered yet

    def tell(self, event: f.Event) -> tuple[f.Action, ...]:
        before = self.fleet.unit(event.model)
        self.fleet, actions = f.step(self.fleet, event)
        for action in actions:
            self.carry_out(action, event, before)
        if self.fleet.unit(event.model).state is f.State.READY:
            self.waiting.discard(event.model)
        return actions

    def carry_out(self, action: f.Action, event: f.Event, before: f.Unit) -> None:
        match action:
            case f.Start():
                assert action.model not in self.running, "single flight: one engine per model"
                self.running.add(action.model)
            case f.Stop():
                forced = isinstance(event, f.StopAsked) and event.force
                still_busy = before.busy and not isinstance(event, f.Idle)
                assert forced or not still_busy, "nobody busy is stopped"
            case f.Refuse():
                assert action.what
                self.waiting.discard(action.model)

    @rule(model=st.sampled_from(MODELS))
    def ask(self, model: str) -> None:
        self.waiting.add(model)
        self.tell(f.Asked(model, self.now))

    @rule(seconds=st.sampled_from([0.1, 1.0, 70.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(model=st.sampled_from(MODELS))
    def sizing_ends(self, model: str) -> None:
        if self.fleet.unit(model).state is f.State.SIZING:
            self.tell(f.Sized(model, self.now, "cpu", NEEDS[model]))

    @rule(model=st.sampled_from(MODELS), good=st.booleans())
    def start_ends(self, model: str, good: bool) -> None:
        if model not in self.running or self.fleet.unit(model).state is not f.State.STARTING:
            return
        if good:
            self.tell(f.Ready(model, self.now))
        else:
            self.running.discard(model)
            self.tell(f.Failed(model, self.now, "It died."))

    @rule(model=st.sampled_from(MODELS))
    def engine_dies(self, model: str) -> None:
        if model in self.running:
            self.running.discard(model)
            self.tell(f.Failed(model, self.now, "It died."))

    @rule(model=st.sampled_from(MODELS))
    def stop_is_done(self, model: str) -> None:
        if self.fleet.unit(model).state is f.State.STOPPING:
            self.running.discard(model)
            self.tell(f.Ended(model, self.now))

    @rule(model=st.sampled_from(MODELS), busy=st.booleans())
    def traffic(self, model: str, busy: bool) -> None:
        state = self.fleet.unit(model).state
        if state is f.State.READY or (state is f.State.DRAINING and not busy):
            self.tell(f.Busy(model, self.now) if busy else f.Idle(model, self.now))

    @rule(model=st.sampled_from(MODELS), force=st.booleans())
    def operator_stops(self, model: str, force: bool) -> None:
        self.tell(f.StopAsked(model, self.now, force))

    @invariant()
    def nothing_is_overcommitted(self) -> None:
        assert self.fleet.held("cpu") <= self.fleet.room["cpu"]
        assert sum(NEEDS[model] for model in self.running) <= self.fleet.room["cpu"]

    @invariant()
    def who_waits_will_be_answered(self) -> None:
        for model in self.waiting:
            unit = self.fleet.unit(model)
            assert unit.state in f.ALIVE, (model, unit)
            if unit.state in (f.State.DRAINING, f.State.STOPPING):
                assert unit.wanted

    @invariant()
    def failures_end_in_a_bounded_back_off(self) -> None:
        for unit in self.fleet.units.values():
            if unit.state is f.State.FAILED:
                assert 0 < unit.retry_at - unit.since <= f.LONGEST_BACKOFF
                assert unit.why


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def play(*events: f.Event) -> tuple[f.Fleet, tuple[f.Action, ...]]:
    fleet, actions = f.Fleet(room={"cpu": 8 * GIB}), ()
    for event in events:
        fleet, actions = f.step(fleet, event)
    return fleet, actions


def test_the_same_history_gives_the_same_actions() -> None:
    events = (f.Asked("a", 0), f.Sized("a", 1, "cpu", GIB), f.Ready("a", 2), f.Asked("a", 3))
    assert play(*events) == play(*events)


def test_ten_callers_start_one_engine() -> None:
    fleet = f.Fleet(room={"cpu": 8 * GIB})
    done: list[f.Action] = []
    for at in range(10):
        fleet, actions = f.step(fleet, f.Asked("a", at))
        done += actions
    assert done == [f.Size("a")]


def test_a_full_device_refuses_with_numbers_and_a_way_out() -> None:
    _, actions = play(
        f.Asked("c", 0), f.Sized("c", 0, "cpu", 5 * GIB), f.Asked("a", 1),
        f.Sized("a", 1, "cpu", 4 * GIB),
    )  # fmt: skip
    (refusal,) = actions
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "no_capacity"
    assert "needs 4.0 GiB" in refusal.what
    assert "3.0 GiB of 8.0 GiB is free" in refusal.what
    assert refusal.hint == "Make room first: ostler stop c"


def test_a_busy_model_drains_before_it_stops() -> None:
    up = (f.Asked("a", 0), f.Sized("a", 0, "cpu", GIB), f.Ready("a", 1), f.Busy("a", 2))
    fleet, actions = play(*up, f.StopAsked("a", 3))
    assert (fleet.unit("a").state, actions) == (f.State.DRAINING, ())
    fleet, actions = f.step(fleet, f.Idle("a", 4))
    assert (fleet.unit("a").state, actions) == (f.State.STOPPING, (f.Stop("a"),))


def test_asked_for_while_it_stops_it_comes_back() -> None:
    up = (f.Asked("a", 0), f.Sized("a", 0, "cpu", GIB), f.Ready("a", 1))
    fleet, actions = play(*up, f.StopAsked("a", 2), f.Asked("a", 3), f.Ended("a", 4))
    assert (fleet.unit("a").state, actions) == (f.State.SIZING, (f.Size("a"),))


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (4, 8.0), (12, 300.0)])
def test_the_back_off_doubles_to_a_limit(failures: int, wait: float) -> None:
    fleet = f.Fleet(room={"cpu": GIB})
    at = 0.0
    for _ in range(failures):
        fleet, _ = f.step(fleet, f.Asked("a", at))
        fleet, _ = f.step(fleet, f.Failed("a", at, "It died."))
        at = fleet.unit("a").retry_at
    unit = fleet.unit("a")
    assert unit.retry_at - unit.since == wait
    _, (refusal,) = f.step(fleet, f.Asked("a", unit.since))
    assert isinstance(refusal, f.Refuse)
    assert refusal.retry_after == wait
