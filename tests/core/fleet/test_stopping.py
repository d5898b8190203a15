"""The operator stops a model: what drains, what ends at once, what comes back."""

from __future__ import annotations

from tests.core.fleet.story import Story

from ostler.core import fleet as f


def test_a_busy_model_drains_before_it_stops_unless_forced() -> None:
    story = Story()
    story.up("a", 3)
    story.say(f.Busy("a", 1))
    assert story.say(f.StopAsked("a", 2)) == (f.Withdraw("a"),)
    assert story.say(f.Withdrawn("a", 2)) == ()
    assert story.say(f.StopAsked("a", 3, force=True)) == (f.Stop("a"),)


def test_idle_is_not_enough_while_requests_may_be_on_their_way() -> None:
    story = Story()
    story.up("a", 5)
    story.say(f.Busy("a", 1), f.StopAsked("a", 2))
    assert story.say(f.Idle("a", 3)) == ()
    assert story.say(f.Withdrawn("a", 4)) == (f.Stop("a"),)


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


def test_late_words_of_a_life_that_is_ending_change_nothing() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.StopAsked("a", 1))
    assert story.sized("a", 3) == ()
    assert story.say(f.Ready("a", 2)) == ()
    assert story.state("a") is f.State.STOPPING
    story.say(f.Failed("a", 3, f.Failure("It was killed.")))
    assert story.state("a") is f.State.STOPPED
