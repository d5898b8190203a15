"""Who waits for room, behind whom and for how long; who is left alone meanwhile."""

from __future__ import annotations

from tests.core.fleet.story import Story

from ostler.core import fleet as f
from ostler.core.fleet import leaving


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


def test_who_may_not_preempt_waits_for_what_goes_anyway() -> None:
    story = Story()
    story.up("a", 6)
    story.say(f.StopAsked("a", 1), f.Asked("b", 2, preempts=False))
    assert story.sized("b", 6) == ()
    assert story.gone("a") == (f.Start("b", ("cpu",)),)


def test_callers_that_keep_a_model_are_not_pre_empted() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Busy("a", 1), f.Busy("a", 1, keep=True), f.Asked("b", 10))
    assert story.sized("b", 5) == ()
    assert story.state("b") is f.State.WAITING
    assert story.say(f.Idle("a", 20)) == (f.Withdraw("a"),)


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


def test_unserved_units_are_left_to_the_requests_they_were_started_for() -> None:
    story = Story()
    story.up("a", 5, used=False)
    story.say(f.Asked("b", 0))
    assert story.sized("b", 5) == ()
    assert story.tick(0.9 * leaving.UNSERVED) == ()
    assert story.tick(0.2 * leaving.UNSERVED) == (f.Withdraw("a"),)
