"""What the operator wishes of models: preloaded, in replicas, at hours, as long as used."""

from __future__ import annotations

from tests.core.fleet.story import BOTH, Story

from ostler.core import fleet as f


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


def test_a_busy_model_does_not_idle() -> None:
    story = Story(policy=f.Policy(ttl=10.0))
    story.up("a", 3)
    story.say(f.Busy("a", 1))
    assert story.tick(100) == ()
