"""What the fleet does in single situations, and the words it gives."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.core.fleet.world import GIB

from ostler.core import fleet as f
from ostler.core.fleet import leaving, life, pools, thrashing
from ostler.core.fleet.eviction import floor

ROOM = {"cpu": 8 * GIB}
BOTH = {"gpu:0": 8 * GIB, "gpu:1": 8 * GIB}


class Story:
    """A fleet that is told one event after the other; `say` returns what follows from it."""

    def __init__(
        self,
        room: Mapping[str, int] = ROOM,
        *,
        shares: Mapping[str, pools.Share] | None = None,
        policy: f.Policy | None = None,
        **rules: f.Rules,
    ) -> None:
        berths, _ = pools.berths(room, shares or {})
        preload = tuple(model for model, one in rules.items() if one.pinned)
        wishes = f.Wishes(rules, preload, policy or f.Policy(residency=0.0))
        self.berths, self.wishes = berths, wishes
        self.fleet, self.at = f.Fleet(room, berths, wishes), 0.0

    def say(self, *events: f.Event) -> tuple[f.Action, ...]:
        done: tuple[f.Action, ...] = ()
        for event in events:
            self.at = max(self.at, event.at)
            self.fleet, done = f.step(self.fleet, event)
        return done

    def sized(self, unit: str, gib: float, reload: float = 3.0) -> tuple[f.Action, ...]:
        needs = int(gib * GIB)
        return self.say(f.Sized(unit, self.at, needs, tuple(self.fleet.room), reload))

    def up(self, unit: str, gib: float, *, used: bool = True) -> None:
        """Ask for a model and let everything go well."""
        if self.state(unit) is f.State.STOPPED:
            self.say(f.Asked(unit, self.at))
        self.sized(unit, gib)
        self.say(f.Ready(unit, self.at))
        if used:
            self.say(f.Busy(unit, self.at), f.Idle(unit, self.at))

    def gone(self, unit: str) -> tuple[f.Action, ...]:
        """Let a draining unit go its way to the end; return what followed."""
        self.say(f.Withdrawn(unit, self.at))
        return self.say(f.Ended(unit, self.at))

    def tick(self, seconds: float) -> tuple[f.Action, ...]:
        return self.say(f.Tick(self.at + seconds))

    def state(self, unit: str) -> f.State:
        return self.fleet.unit(unit).state


def test_ten_callers_start_one_engine() -> None:
    story = Story()
    done = [action for at in range(10) for action in story.say(f.Asked("a", at))]
    assert done == [f.Size("a")]


# --- eviction ---------------------------------------------------------------------------------


def test_an_idle_model_makes_room_and_only_then_the_new_one_starts() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Asked("b", 10))
    assert story.sized("b", 5) == (f.Withdraw("a"),)
    assert story.say(f.Withdrawn("a", 11)) == (f.Stop("a"),)
    assert story.say(f.Ended("a", 12)) == (f.Start("b", ("cpu",)),)
    assert story.fleet.unit("a").why == "It made room for b."


def test_no_more_goes_than_must() -> None:
    story = Story()
    for model in ("a", "b", "c"):
        story.up(model, 2)
    story.say(f.Asked("d", 10))
    assert len(story.sized("d", 4)) == 1


def test_a_model_that_is_often_used_stays_where_lru_would_let_it_go() -> None:
    for eviction, goes in (("cost", "b"), ("lru", "a")):
        story = Story(policy=f.Policy(eviction=eviction, residency=0.0))
        story.up("a", 4)
        for at in range(1, 40):
            story.say(f.Busy("a", at), f.Idle("a", at))
        story.at = 60.0
        story.up("b", 4)
        story.say(f.Asked("c", 61))
        assert story.sized("c", 4) == (f.Withdraw(goes),)


def test_a_model_that_is_slow_to_load_stays_among_equals() -> None:
    story = Story()
    for model, reload in (("a", 100.0), ("b", 2.0)):
        story.say(f.Asked(model, 0))
        story.sized(model, 4, reload)
        story.say(f.Ready(model, 0), f.Busy(model, 0), f.Idle(model, 0))
    story.say(f.Asked("c", 300))
    assert story.sized("c", 4) == (f.Withdraw("b"),)


def test_a_busy_model_goes_only_where_no_idle_one_would_do_and_finishes_first() -> None:
    story = Story()
    story.up("a", 4)
    story.up("b", 4)
    story.say(f.Busy("a", 1), f.Asked("c", 2))
    assert story.sized("c", 4) == (f.Withdraw("b"),)
    story.gone("b")
    story.say(f.Ready("c", 3), f.Busy("c", 3), f.Asked("d", 10))
    (withdraw,) = story.sized("d", 4)
    assert isinstance(withdraw, f.Withdraw)
    assert story.say(f.Withdrawn(withdraw.unit, 11)) == ()
    assert story.say(f.Idle(withdraw.unit, 12)) == (f.Stop(withdraw.unit),)


def test_what_is_pinned_stays_and_the_refusal_names_it() -> None:
    story = Story(a=f.Rules(pinned=True))
    story.say(f.Tick(0))
    story.up("a", 6)
    story.say(f.Asked("b", 1))
    (refusal,) = story.sized("b", 4)
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "no_capacity"
    assert "needs 4.0 GiB on cpu, 2.0 GiB of 8.0 GiB is free" in refusal.what
    assert "pinned (a)" in refusal.what
    assert refusal.hint == "Make room first: ostler unload a"


def test_what_fits_nowhere_is_refused_with_the_most_there_is() -> None:
    story = Story()
    story.say(f.Asked("a", 0))
    (refusal,) = story.sized("a", 9)
    assert isinstance(refusal, f.Refuse)
    assert "needs 9.0 GiB, and the most that any device that it may use has is 8.0 GiB" in (
        refusal.what
    )


def test_a_model_stays_as_long_as_its_load_took() -> None:
    story = Story(policy=f.Policy(residency=15.0))
    story.up("a", 5)  # its reload takes 3 s
    story.say(f.Asked("b", 1))
    assert story.sized("b", 5) == ()
    assert story.state("b") is f.State.WAITING
    assert story.tick(1) == ()
    assert story.tick(1) == (f.Withdraw("a"),)


def test_who_may_not_preempt_is_refused_where_there_is_no_free_room() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Asked("b", 1, preempts=False))
    (refusal,) = story.sized("b", 5)
    assert isinstance(refusal, f.Refuse)
    assert "it may stop no other" in refusal.what


def test_who_waits_first_gets_the_room_first() -> None:
    story = Story()
    story.up("a", 4)
    story.up("b", 4)
    story.say(f.Busy("a", 1), f.Busy("b", 1), f.Asked("big", 10))
    assert set(story.sized("big", 8)) == {f.Withdraw("a"), f.Withdraw("b")}
    story.say(f.Asked("small", 11))
    assert story.sized("small", 4) == ()
    story.say(f.Idle("a", 12))
    assert story.gone("a") == (), "small would fit, but big stands before it"
    story.say(f.Idle("b", 13))
    assert story.gone("b") == (f.Start("big", ("cpu",)),)


def test_nobody_waits_longer_than_the_policy_s_patience() -> None:
    story = Story(policy=f.Policy(residency=0.0, patience=60.0))
    story.up("a", 5)
    story.say(f.Busy("a", 1), f.Asked("b", 2))
    story.sized("b", 5)
    assert story.tick(30) == ()
    (refusal,) = story.tick(31)
    assert isinstance(refusal, f.Refuse)
    assert "no room within 1 min" in refusal.what


def test_one_load_at_a_time_on_a_device() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.Asked("b", 0))
    assert story.sized("a", 2) == (f.Start("a", ("cpu",)),)
    assert story.sized("b", 2) == ()
    assert story.say(f.Ready("a", 5)) == (f.Start("b", ("cpu",)),)


def test_models_that_push_each_other_out_are_noticed() -> None:
    story = Story()
    warnings = []
    for at in range(0, 100, 5):
        story.at = float(at)
        model = "abc"[at // 5 % 3]
        story.say(f.Asked(model, at))
        story.sized(model, 5)
        for unit in list(story.fleet.units.values()):
            if unit.state is f.State.DRAINING:
                story.gone(unit.id)
        story.say(f.Ready(model, at), f.Busy(model, at), f.Idle(model, at))
        _, actions = f.step(story.fleet, f.Asked("abc"[(at // 5 + 1) % 3], at + 5))
        warnings += [action for action in actions if isinstance(action, f.Warn)]
    assert warnings[0].code == "thrashing"
    assert f.thrashes(story.fleet, story.at)
    assert not f.thrashes(story.fleet, story.at + thrashing.WINDOW + 1)


# --- pools ------------------------------------------------------------------------------------


def test_what_is_not_preloaded_goes_to_the_catch_all_pool() -> None:
    for spill in (False, True):
        story = Story(
            BOTH,
            shares={pools.CATCHALL: pools.Share(("gpu:1",))},
            policy=f.Policy(residency=0.0, spill=spill),
        )
        story.say(f.Asked("a", 0))
        assert story.sized("a", 5) == (f.Start("a", ("gpu:1",)),)
        story.say(f.Ready("a", 1), f.Busy("a", 1), f.Asked("b", 2))
        expected = f.Start("b", ("gpu:0",)) if spill else f.Withdraw("a")
        assert story.sized("b", 5) == (expected,)


def test_a_share_of_a_device_is_a_limit() -> None:
    story = Story(shares={pools.CATCHALL: pools.Share(("cpu",), part=0.5)})
    story.up("a", 3)
    story.say(f.Asked("b", 5))
    assert story.sized("b", 3) == (f.Withdraw("a"),)


def test_pools_that_ask_for_too_much_are_told() -> None:
    found, flaws = pools.berths(
        ROOM,
        {"x": pools.Share(("cpu",), bytes=6 * GIB), "y": pools.Share(("cpu", "gpu:7"), part=1)},
    )
    assert sum(berth.room for berth in found.values()) == 8 * GIB
    assert flaws == (
        "The pool y gets less of cpu than it asks for.",
        "The pool y names gpu:7, and this machine has cpu.",
    )


# --- wishes -----------------------------------------------------------------------------------


def test_preloaded_models_come_in_their_order_and_one_too_big_says_so() -> None:
    story = Story(a=f.Rules(pinned=True), c=f.Rules(pinned=True), b=f.Rules(pinned=True))
    assert story.say(f.Wished(0, story.wishes, story.berths)) == (f.Size("a"),)
    assert story.sized("a", 5) == (f.Start("a", ("cpu",)), f.Size("c"))
    refusal, size = story.sized("c", 5)
    assert isinstance(refusal, f.Refuse)
    assert "pinned (a)" in refusal.what
    assert size == f.Size("b")
    assert story.tick(5) == (), "c is not tried again and again"
    assert "needs 5.0 GiB" in story.fleet.unit("c").why


def test_replicas_go_to_different_devices() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    assert story.state("a~2") is f.State.SIZING
    assert story.sized("a~2", 3) == (f.Start("a~2", ("gpu:1",)),)
    story.say(f.Ready("a~2", 1))
    assert [unit.id for unit in f.routable(story.fleet, "a")] == ["a", "a~2"]
    fewer = f.Wishes({}, (), f.Policy())
    assert story.say(f.Wished(2, fewer, story.berths)) == (f.Withdraw("a~2"),)


def test_a_model_outside_its_hours_is_refused_and_stopped() -> None:
    story = Story()
    story.up("a", 3)
    closed = f.Wishes({"a": f.Rules(closed="It is used from 02:00 to 06:00.")})
    assert story.say(f.Wished(1, closed, story.berths)) == (f.Withdraw("a"),)
    (refusal,) = story.say(f.Asked("a", 2))
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "outside_schedule"


def test_idle_models_end_but_pinned_and_last_ones_stay() -> None:
    policy = f.Policy(ttl=10.0, keep_last=True)
    story = Story(policy=policy, a=f.Rules(pinned=True))
    for model in ("a", "b", "c"):
        story.up(model, 2)
        story.at += 1
    story.say(f.Busy("c", 20))
    assert story.tick(5) == (f.Withdraw("b"),)
    story.say(f.Idle("c", 26))
    assert story.tick(60) == ()


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (4, 8.0), (12, 300.0)])
def test_the_back_off_doubles_to_a_limit(failures: int, wait: float) -> None:
    story = Story()
    for _ in range(failures):
        story.say(f.Asked("a", story.at), f.Failed("a", story.at, "It died."))
        story.at = story.fleet.unit("a").retry_at
    unit = story.fleet.unit("a")
    assert unit.retry_at - unit.since == wait
    (refusal,) = story.say(f.Asked("a", unit.since))
    assert isinstance(refusal, f.Refuse)
    assert refusal.retry_after == wait


def test_a_pinned_model_comes_back_by_itself_three_times() -> None:
    story = Story(a=f.Rules(pinned=True))
    story.say(f.Wished(0, story.wishes, story.berths))
    for failures in range(1, 4):
        story.say(f.Failed("a", story.at, "It died."))
        actions = story.tick(10)
        assert actions == (() if failures == 3 else (f.Size("a"),))
    assert story.state("a") is f.State.FAILED
    assert story.say(f.Asked("a", story.at)) == (f.Size("a"),)


def test_out_of_memory_is_tried_once_with_less_where_allowed() -> None:
    for allowed in (False, True):
        story = Story(a=f.Rules(less_context=allowed))
        story.say(f.Asked("a", 0))
        story.sized("a", 4)
        dies = f.Failed("a", 1, "CUDA out of memory.", "out_of_memory")
        if allowed:
            assert story.say(dies) == (f.Size("a", less=True),)
            story.sized("a", 2)
        (refusal,) = story.say(dies)
        assert isinstance(refusal, f.Refuse)


def test_a_replica_that_breaks_connections_is_left_alone_for_a_while() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    story.sized("a~2", 3)
    story.say(f.Ready("a~2", 1))
    for _ in range(life.BREAKS):
        story.say(f.Broken("a", 2))
    assert [unit.id for unit in f.routable(story.fleet, "a")] == ["a~2"]
    story.tick(life.AVOIDED + 1)
    assert len(f.routable(story.fleet, "a")) == 2


def test_a_single_unit_takes_requests_though_its_circuit_is_open() -> None:
    story = Story()
    story.up("a", 3)
    for _ in range(life.BREAKS):
        story.say(f.Broken("a", 2))
    assert [unit.id for unit in f.routable(story.fleet, "a")] == ["a"]


# --- the operator -----------------------------------------------------------------------------


def test_a_busy_model_drains_before_it_stops_unless_forced() -> None:
    story = Story()
    story.up("a", 3)
    story.say(f.Busy("a", 1))
    assert story.say(f.StopAsked("a", 2)) == (f.Withdraw("a"),)
    assert story.say(f.Withdrawn("a", 2)) == ()
    assert story.say(f.StopAsked("a", 3, force=True)) == (f.Stop("a"),)


def test_asked_for_while_it_stops_it_comes_back() -> None:
    story = Story()
    story.up("a", 3)
    story.say(f.StopAsked("a", 2), f.Asked("a", 3), f.Withdrawn("a", 3))
    assert story.say(f.Ended("a", 4)) == (f.Size("a"),)


def test_stopped_while_it_loads_its_callers_are_told() -> None:
    story = Story()
    story.say(f.Asked("a", 0))
    stop, refusal = story.say(f.StopAsked("a", 1))
    assert stop == f.Stop("a")
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "stopped"


# --- adoption ---------------------------------------------------------------------------------


def test_an_engine_that_runs_already_is_taken_over_if_it_still_has_room() -> None:
    story = Story()
    story.say(f.Adopted("a", 0, ("cpu",), 5 * GIB, ("cpu",)))
    assert story.state("a") is f.State.READY
    assert story.fleet.held("cpu") == 5 * GIB
    assert story.say(f.Adopted("b", 0, ("cpu",), 5 * GIB, ("cpu",))) == (f.Stop("b"),)


def test_unserved_units_are_left_to_the_requests_they_were_started_for() -> None:
    story = Story()
    story.up("a", 5, used=False)
    story.say(f.Asked("b", 0))
    assert story.sized("b", 5) == ()
    assert story.tick(0.9 * leaving.UNSERVED) == ()
    assert story.tick(0.2 * leaving.UNSERVED) == (f.Withdraw("a"),)


# --- what tired hands got wrong ---------------------------------------------------------------


def test_an_idle_model_goes_before_a_busy_one_that_would_cost_less() -> None:
    story = Story()
    story.up("dear", 4)
    for at in range(1, 30):
        story.say(f.Busy("dear", at), f.Idle("dear", at))
    story.up("cheap", 4)
    story.say(f.Busy("cheap", 31), f.Asked("c", 40))
    assert story.sized("c", 4) == (f.Withdraw("dear"),)


def test_of_two_devices_the_one_whose_models_cost_less_makes_room() -> None:
    for dear in ("a", "b"):
        story = Story(BOTH)
        story.up("a", 6)
        story.up("b", 6)
        for at in range(1, 30):
            story.say(f.Busy(dear, at), f.Idle(dear, at))
        story.say(f.Asked("c", 40))
        assert story.sized("c", 6) == (f.Withdraw("b" if dear == "a" else "a"),)


def test_callers_are_not_refused_while_a_replica_serves_them() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    assert story.say(f.Failed("a~2", 5, "It died.")) == ()


def test_idle_is_not_enough_while_requests_may_be_on_their_way() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Busy("a", 1), f.StopAsked("a", 2))
    assert story.say(f.Idle("a", 3)) == ()
    assert story.say(f.Withdrawn("a", 4)) == (f.Stop("a"),)


def test_late_words_of_a_life_that_is_ending_change_nothing() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.StopAsked("a", 1))
    assert story.sized("a", 3) == ()
    assert story.say(f.Ready("a", 2)) == ()
    assert story.state("a") is f.State.STOPPING
    story.say(f.Failed("a", 3, "It was killed."))
    assert story.state("a") is f.State.STOPPED


def test_a_busy_model_does_not_idle() -> None:
    story = Story(policy=f.Policy(ttl=10.0))
    story.up("a", 3)
    story.say(f.Busy("a", 1))
    assert story.tick(100) == ()


def test_among_equals_the_order_of_coming_does_not_matter() -> None:
    for order in ("ab", "ba"):
        story = Story()
        for model in order:
            story.say(f.Asked(model, 0))
            story.sized(model, 4)
            story.say(f.Ready(model, 0), f.Busy(model, 0), f.Idle(model, 0))
        story.say(f.Asked("c", 9))
        assert story.sized("c", 4) == (f.Withdraw("a"),)


def test_a_device_divided_anew_still_holds_what_it_held() -> None:
    story = Story()
    story.up("a", 6)
    berths, _ = pools.berths(ROOM, {pools.CATCHALL: pools.Share(("cpu",), bytes=4 * GIB)})
    story.say(f.Wished(1, story.wishes, berths), f.Asked("b", 2))
    assert f.Start("b", ("cpu",)) not in story.sized("b", 4), (
        "a takes 6 of 8 GiB, wherever it counts"
    )


def test_who_may_not_preempt_waits_for_what_goes_anyway() -> None:
    story = Story()
    story.up("a", 6)
    story.say(f.StopAsked("a", 1), f.Asked("b", 2, preempts=False))
    assert story.sized("b", 6) == ()
    assert story.gone("a") == (f.Start("b", ("cpu",)),)


def test_what_is_preloaded_stays_out_of_the_catch_all_pool() -> None:
    story = Story(BOTH, shares={pools.CATCHALL: pools.Share(("gpu:0",))}, a=f.Rules(pinned=True))
    story.say(f.Tick(0))
    assert story.sized("a", 5) == (f.Start("a", ("gpu:1",)),)


# --- several devices at once ------------------------------------------------------------------


def wide(story: Story, unit: str, gib: float, spread: int = 2) -> tuple[f.Action, ...]:
    devices = tuple(device for device in story.fleet.room if device != "cpu")
    return story.say(f.Sized(unit, story.at, int(gib * GIB), devices, 3.0, spread))


def test_a_model_over_two_devices_gets_both_or_none() -> None:
    story = Story(BOTH)
    story.up("a", 6)
    story.say(f.Asked("b", 1))
    assert wide(story, "b", 4) == (f.Withdraw("a"),)
    assert story.fleet.held("gpu:1") == 0, "it does not hold the free one while it waits"
    assert story.gone("a") == (f.Start("b", ("gpu:0", "gpu:1")),)
    assert (story.fleet.held("gpu:0"), story.fleet.held("gpu:1")) == (4 * GIB, 4 * GIB)
    story.say(f.Ready("b", 2), f.StopAsked("b", 3), f.Withdrawn("b", 3), f.Ended("b", 4))
    assert (story.fleet.held("gpu:0"), story.fleet.held("gpu:1")) == (0, 0)


def test_nobody_goes_from_a_device_that_would_not_be_enough_with_the_others() -> None:
    story = Story(BOTH, a=f.Rules(pinned=True))
    story.say(f.Tick(0))
    story.up("a", 6)
    story.up("b", 6)
    story.say(f.Asked("c", 1))
    (refusal,) = wide(story, "c", 4)
    assert isinstance(refusal, f.Refuse)
    assert story.state("b") is f.State.READY


def test_of_three_devices_the_two_whose_models_cost_the_least_make_room() -> None:
    room = {f"gpu:{n}": 8 * GIB for n in range(3)}
    for dear in ("a", "b", "c"):
        story = Story(room)
        for model in ("a", "b", "c"):
            story.up(model, 6)
        for at in range(1, 30):
            story.say(f.Busy(dear, at), f.Idle(dear, at))
        story.say(f.Asked("d", 40))
        gone = {one.unit for one in wide(story, "d", 4) if isinstance(one, f.Withdraw)}
        assert gone == {"a", "b", "c"} - {dear}


def test_one_that_spans_the_devices_goes_once_for_all_of_them() -> None:
    story = Story(BOTH)
    story.say(f.Asked("a", 0))
    wide(story, "a", 6)
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0))
    story.up("b", 1)
    story.say(f.Asked("c", 40))
    assert wide(story, "c", 4) == (f.Withdraw("a"),)


def test_more_devices_than_there_are_is_refused_in_these_words() -> None:
    story = Story(BOTH)
    story.say(f.Asked("a", 0))
    (refusal,) = wide(story, "a", 1, spread=4)
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "insufficient_gpu_count"
    assert "on each of 4 devices at once, and 2 of those" in refusal.what
    story = Story(BOTH)
    story.say(f.Asked("a", 0))
    (refusal,) = wide(story, "a", 9)
    assert isinstance(refusal, f.Refuse)
    assert refusal.code == "no_capacity"


# --- sleep ------------------------------------------------------------------------------------

HOSTED = {"gpu:0": 8 * GIB, "cpu": 8 * GIB}
NAP = f.Nap(left=GIB, kept=5 * GIB, seconds=0.5)


def sleeper(story: Story, unit: str, gib: float, nap: f.Nap | None = NAP) -> tuple[f.Action, ...]:
    return story.say(f.Sized(unit, story.at, int(gib * GIB), ("gpu:0",), 30.0, 1, nap))


def up_asleep(host: int = 8) -> Story:
    """A model that can sleep is up, and another one is asked for that takes its room."""
    story = Story({**HOSTED, "cpu": host * GIB})
    story.say(f.Asked("a", 0))
    sleeper(story, "a", 6)
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    assert sleeper(story, "b", 6, None) == (f.Withdraw("a"),)
    return story


def test_one_that_can_sleep_makes_room_asleep_and_is_back_soon() -> None:
    story = up_asleep()
    assert story.say(f.Withdrawn("a", 40)) == (f.Sleep("a"),)
    assert story.say(f.Slept("a", 41)) == (f.Start("b", ("gpu:0",)),)
    assert story.state("a") is f.State.ASLEEP
    assert (story.fleet.held("gpu:0"), story.fleet.held("cpu")) == (7 * GIB, 5 * GIB)
    story.say(f.Ready("b", 50), f.Busy("b", 50), f.Idle("b", 50))
    story.at = 100.0
    assert story.say(f.Asked("a", 100)) == (f.Withdraw("b"),)
    assert story.gone("b") == (f.Wake("a"),)
    story.say(f.Ready("a", 101))
    assert story.state("a") is f.State.READY
    assert (story.fleet.held("gpu:0"), story.fleet.held("cpu")) == (6 * GIB, 0)


def test_it_ends_where_the_host_has_no_room_for_it() -> None:
    story = up_asleep(host=4)
    assert story.say(f.Withdrawn("a", 40)) == (f.Stop("a"),)


def test_what_sleeps_ends_where_its_rest_is_in_the_way() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.Ready("b", 42))
    story.say(f.Busy("b", 42), f.Idle("b", 42), f.StopAsked("b", 43), f.Withdrawn("b", 43))
    story.say(f.Ended("b", 44), f.Asked("c", 45))
    assert story.sized("c", 7.5) == (f.Stop("a"),)
    assert story.say(f.Ended("a", 46)) == (f.Start("c", ("gpu:0",)),)


def test_one_that_cannot_sleep_after_all_has_ended() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40))
    assert story.say(f.Ended("a", 41)) == (f.Start("b", ("gpu:0",)),)
    assert story.state("a") is f.State.STOPPED
    assert story.fleet.held("cpu") == 0


def test_asked_for_while_it_falls_asleep_it_wakes_again() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.StopAsked("b", 40), f.Ended("b", 40), f.Asked("a", 40))
    assert story.say(f.Slept("a", 41)) == (f.Wake("a"),)


def test_stopped_by_the_operator_it_does_not_go_to_sleep_first() -> None:
    story = up_asleep()
    story.say(f.StopAsked("a", 40))
    assert story.say(f.Withdrawn("a", 40)) == (f.Stop("a"),)
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41))
    assert f.Stop("a") in story.say(f.StopAsked("a", 42))


def test_one_asleep_ends_when_nobody_asks_for_its_time_to_live() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41))
    wishes = f.Wishes(policy=f.Policy(ttl=10.0))
    story.say(f.Wished(42, wishes, story.berths))
    assert f.Stop("a") in story.tick(60)


def test_a_wake_that_fails_is_a_failure_with_its_reason() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.StopAsked("b", 42), f.Ended("b", 42))
    assert story.say(f.Asked("a", 43)) == (f.Wake("a"),)
    (refusal,) = story.say(f.Failed("a", 44, "It sleeps on."))
    assert isinstance(refusal, f.Refuse)
    assert refusal.what == "It sleeps on."
    assert (story.fleet.held("gpu:0"), story.fleet.held("cpu")) == (0, 0)


def test_who_waits_too_long_for_room_to_wake_sleeps_on() -> None:
    story = Story(HOSTED, policy=f.Policy(patience=5.0, residency=0.0))
    story.say(f.Asked("a", 0))
    sleeper(story, "a", 6)
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    sleeper(story, "b", 6, None)
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.Ready("b", 42), f.Busy("b", 42, keep=True))
    assert story.say(f.Asked("a", 43)) == ()
    assert story.state("a") is f.State.ROUSED
    (refusal,) = story.tick(10)
    assert isinstance(refusal, f.Refuse)
    assert story.state("a") is f.State.ASLEEP


# --- leases, roles, circuits ------------------------------------------------------------------


def test_a_lease_runs_from_when_it_is_ready_and_ends_though_it_is_pinned() -> None:
    story = Story(a=f.Rules(pinned=True))
    story.say(f.Asked("a", 0, lease=60.0))
    story.sized("a", 3)
    story.say(f.Ready("a", 30))
    assert story.tick(59) == ()
    assert story.tick(2) == (f.Withdraw("a"),)
    assert "loaded for 1 min" in story.fleet.unit("a").why
    story.gone("a")
    assert story.tick(100) == (), "no pin brings it back"
    story.say(f.Asked("a", 300))
    story.sized("a", 3)
    story.say(f.Ready("a", 300))
    assert story.tick(1000) == (), "its next life has no lease"


def test_a_lease_of_one_that_is_ready_begins_now_and_a_later_one_replaces_it() -> None:
    story = Story()
    story.up("a", 3)
    story.say(f.Asked("a", 10, lease=60.0), f.Asked("a", 20, lease=600.0))
    assert story.tick(100) == ()
    assert story.tick(600) == (f.Withdraw("a"),)


def test_callers_that_keep_a_model_are_not_pre_empted() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Busy("a", 1), f.Busy("a", 1, keep=True), f.Asked("b", 10))
    assert story.sized("b", 5) == ()
    assert story.state("b") is f.State.WAITING
    assert story.say(f.Idle("a", 20)) == (f.Withdraw("a"),)


def test_connections_that_break_long_after_each_other_open_no_circuit() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    story.sized("a~2", 3)
    story.say(f.Ready("a~2", 1))
    for n in range(life.BREAKS * 2):
        story.say(f.Broken("a", 2 + n * (life.SOON + 1)))
    assert len(f.routable(story.fleet, "a")) == 2


def test_to_wake_it_lacks_only_what_it_gave_back() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.StopAsked("b", 42), f.Ended("b", 42))
    story.say(f.Asked("c", 43))
    assert sleeper(story, "c", 2, None) == (f.Start("c", ("gpu:0",)),)
    story.say(f.Ready("c", 44), f.Busy("c", 44), f.Idle("c", 44))
    assert story.say(f.Asked("a", 60)) == (f.Wake("a"),), "7 of 8 GiB are held, and it holds one"


def test_it_ends_where_sleeping_would_not_free_enough() -> None:
    story = Story(HOSTED)
    story.say(f.Asked("a", 0))
    sleeper(story, "a", 6, f.Nap(3 * GIB, 3 * GIB, 0.5))
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    assert sleeper(story, "b", 6, None) == (f.Withdraw("a"),)
    assert story.say(f.Withdrawn("a", 41)) == (f.Stop("a"),)


def test_of_two_that_would_sleep_one_ends_where_the_host_has_room_for_one() -> None:
    story = Story(HOSTED)
    for model in ("a", "b"):
        story.say(f.Asked(model, 0))
        sleeper(story, model, 4, f.Nap(0, 5 * GIB, 0.5))
        story.say(f.Ready(model, 0), f.Busy(model, 0), f.Idle(model, 0))
    story.say(f.Asked("c", 40))
    assert set(sleeper(story, "c", 8, None)) == {f.Withdraw("a"), f.Withdraw("b")}
    done = {story.say(f.Withdrawn(model, 41)) for model in ("a", "b")}
    assert {type(one) for (one,) in done} == {f.Sleep, f.Stop}
    assert story.fleet.held("cpu") == 5 * GIB


def test_who_goes_for_two_devices_spares_who_was_to_go_for_one() -> None:
    story = Story(BOTH, b=f.Rules(pinned=True))
    story.say(f.Asked("w", 0))
    wide(story, "w", 4)
    story.say(f.Ready("w", 0))
    for at in range(1, 30):
        story.say(f.Busy("w", at), f.Idle("w", at))
    story.say(f.Tick(30))
    story.say(f.Sized("b", 30, 4 * GIB, ("gpu:1",)), f.Ready("b", 30))
    story.say(f.Asked("a", 30), f.Sized("a", 30, 4 * GIB, ("gpu:0",), 1.0), f.Ready("a", 30))
    story.say(f.Busy("a", 30), f.Idle("a", 30), f.Asked("c", 90))
    assert wide(story, "c", 4) == (f.Withdraw("w"),), "a is cheaper, but w goes anyway"


def test_who_takes_no_room_of_the_pool_in_question_stays() -> None:
    shares = {pools.CATCHALL: pools.Share(("cpu",), bytes=4 * GIB)}
    story = Story(shares={**shares, "big": pools.Share(("cpu",))}, a=f.Rules(pool="big"))
    for model in ("a", "b"):
        story.up(model, 3)
    for at in range(1, 30):
        story.say(f.Busy("b", at), f.Idle("b", at))
    story.say(f.Asked("c", 60))
    assert story.sized("c", 3) == (f.Withdraw("b"),), "a is cheaper, and its room is another pool's"


def test_what_sleeps_ends_where_the_host_is_short_of_what_it_keeps_there() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.Asked("c", 60))
    assert story.say(f.Sized("c", 60, 6 * GIB, ("cpu",))) == (f.Stop("a"),)
    assert story.say(f.Ended("a", 61))[-1] == f.Start("c", ("cpu",))


def test_the_order_of_many_is_kept_when_they_are_weighed_anew() -> None:
    story = Story()
    models = [f"m{n:02}" for n in range(16)]
    for model in models:
        story.up(model, 0.5)
        story.at += 7
    story.say(f.Asked("x", 2000))
    story.sized("x", 0.5)
    order = story.fleet.deck("cpu").order
    assert len(order) == 15
    assert list(order) == sorted(order)
    ranks = {id: floor(story.fleet.unit(id), "cpu", 2000) for _, id in order}
    assert {id: rank for rank, id in order} == pytest.approx(ranks), "each is as of now"


def test_what_is_to_sleep_is_going_but_for_what_stays() -> None:
    story = up_asleep()
    assert story.fleet.deck("gpu:0").berths["gpu:0"] == (6 * GIB, 5 * GIB)
    assert story.fleet.deck("cpu").berths["cpu"] == (5 * GIB, 0)
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.StopAsked("a", 42))
    assert story.fleet.deck("cpu").berths["cpu"] == (5 * GIB, 5 * GIB)


def test_a_lease_that_ends_lets_each_replica_go_once() -> None:
    story = Story(policy=f.Policy(ttl=10.0, residency=0.0), a=f.Rules(replicas=2))
    story.say(f.Asked("a", 0, lease=60.0))
    story.sized("a", 2)
    story.say(f.Ready("a", 0))
    story.sized("a~2", 2)
    story.say(f.Ready("a~2", 0), f.Busy("a", 0), f.Busy("a~2", 0), f.Idle("a~2", 1))
    assert story.tick(200) == (f.Withdraw("a"), f.Withdraw("a~2"))


def test_what_sleeps_counts_in_the_hosts_berth_beside_other_pools() -> None:
    shares = {"tiny": pools.Share(("cpu",), bytes=GIB)}
    story = Story(HOSTED, shares=shares, t=f.Rules(pool="tiny"))
    story.say(f.Asked("t", 0), f.Sized("t", 0, GIB // 2, ("cpu",)), f.Ready("t", 0))
    story.say(f.Asked("a", 0))
    sleeper(story, "a", 6)
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    sleeper(story, "b", 6, None)
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.Asked("c", 60))
    assert story.say(f.Sized("c", 60, 6 * GIB, ("cpu",))) == (f.Stop("a"),)


def test_a_unit_counts_in_a_berth_that_is_there() -> None:
    story = Story()
    story.up("a", 6)
    berths, _ = pools.berths(ROOM, {pools.CATCHALL: pools.Share(("cpu",))})
    story.say(f.Wished(1, story.wishes, berths))
    assert story.fleet.unit("a").berth in berths


def test_one_asleep_wakes_where_it_is_and_nowhere_else() -> None:
    story = Story({**BOTH, "cpu": 8 * GIB})
    both = ("gpu:0", "gpu:1")
    story.say(f.Asked("a", 0), f.Sized("a", 0, 6 * GIB, both, 30.0, 1, NAP))
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    story.say(f.Sized("b", 40, 6 * GIB, ("gpu:0",)), f.Withdrawn("a", 40), f.Slept("a", 41))
    story.say(f.Ready("b", 42), f.Busy("b", 42, keep=True))
    assert story.say(f.Asked("a", 43)) == (), "there is room on gpu:1, but it sleeps on gpu:0"
    assert story.state("a") is f.State.ROUSED
