"""Models that sleep: their weights wait in the memory of the host."""

from __future__ import annotations

from tests.core.fleet.story import BOTH, Story
from tests.core.fleet.world import GIB

from ostler.core import fleet as f
from ostler.core.fleet import pools

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


def test_one_that_was_stopped_in_its_sleep_starts_anew() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.StopAsked("b", 42), f.Ended("b", 42))
    story.say(f.StopAsked("a", 43), f.Ended("a", 44))
    assert story.say(f.Asked("a", 45)) == (f.Size("a"),)
    assert sleeper(story, "a", 6) == (f.Start("a", ("gpu:0",)),)
    assert story.fleet.held("gpu:0") == 6 * GIB


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
    (refusal,) = story.say(f.Failed("a", 44, f.Failure("It sleeps on.")))
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


def test_what_sleeps_ends_where_the_host_is_short_of_what_it_keeps_there() -> None:
    story = up_asleep()
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.Asked("c", 60))
    assert story.say(f.Sized("c", 60, 6 * GIB, ("cpu",))) == (f.Stop("a"),)
    assert story.say(f.Ended("a", 61))[-1] == f.Start("c", ("cpu",))


def test_what_is_to_sleep_is_going_but_for_what_stays() -> None:
    story = up_asleep()
    assert story.fleet.deck("gpu:0").berths["gpu:0"] == (6 * GIB, 5 * GIB)
    assert story.fleet.deck("cpu").berths["cpu"] == (5 * GIB, 0)
    story.say(f.Withdrawn("a", 40), f.Slept("a", 41), f.StopAsked("a", 42))
    assert story.fleet.deck("cpu").berths["cpu"] == (5 * GIB, 5 * GIB)


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


def test_one_asleep_wakes_where_it_is_and_nowhere_else() -> None:
    story = Story({**BOTH, "cpu": 8 * GIB})
    both = ("gpu:0", "gpu:1")
    story.say(f.Asked("a", 0), f.Sized("a", 0, 6 * GIB, both, 30.0, 1, NAP))
    story.say(f.Ready("a", 0), f.Busy("a", 0), f.Idle("a", 0), f.Asked("b", 40))
    story.say(f.Sized("b", 40, 6 * GIB, ("gpu:0",)), f.Withdrawn("a", 40), f.Slept("a", 41))
    story.say(f.Ready("b", 42), f.Busy("b", 42, keep=True))
    assert story.say(f.Asked("a", 43)) == (), "there is room on gpu:1, but it sleeps on gpu:0"
    assert story.state("a") is f.State.ROUSED
