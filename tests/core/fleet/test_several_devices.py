"""Models that lie over several devices at once."""

from __future__ import annotations

from tests.core.fleet.story import BOTH, Story
from tests.core.fleet.world import GIB

from ostler.core import fleet as f


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
