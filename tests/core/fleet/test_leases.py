"""A lease: a model is loaded for a time, and ends then."""

from __future__ import annotations

from tests.core.fleet.story import Story

from ostler.core import fleet as f


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


def test_a_lease_that_ends_lets_each_replica_go_once() -> None:
    story = Story(policy=f.Policy(ttl=10.0, residency=0.0), a=f.Rules(replicas=2))
    story.say(f.Asked("a", 0, lease=60.0))
    story.sized("a", 2)
    story.say(f.Ready("a", 0))
    story.sized("a~2", 2)
    story.say(f.Ready("a~2", 0), f.Busy("a", 0), f.Busy("a~2", 0), f.Idle("a~2", 1))
    assert story.tick(200) == (f.Withdraw("a"), f.Withdraw("a~2"))
