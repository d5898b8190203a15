"""Who goes when a model needs room, and in which words it is refused."""

from __future__ import annotations

import pytest
from tests.core.fleet.story import BOTH, Story

from ostler.core import fleet as f
from ostler.core.fleet import thrashing
from ostler.core.fleet.eviction import floor


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


def test_among_equals_the_order_of_coming_does_not_matter() -> None:
    for order in ("ab", "ba"):
        story = Story()
        for model in order:
            story.say(f.Asked(model, 0))
            story.sized(model, 4)
            story.say(f.Ready(model, 0), f.Busy(model, 0), f.Idle(model, 0))
        story.say(f.Asked("c", 9))
        assert story.sized("c", 4) == (f.Withdraw("a"),)


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
