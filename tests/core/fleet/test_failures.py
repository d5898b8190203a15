"""What follows from failures: back-off, less context, circuits that open."""

from __future__ import annotations

import pytest
from tests.core.fleet.story import BOTH, Story

from ostler.core import fleet as f
from ostler.core.fleet import life


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


def test_an_operator_who_insists_waits_for_no_back_off() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.Failed("a", 1, "It died."))
    assert isinstance(story.say(f.Asked("a", 1.5))[0], f.Refuse)
    assert story.say(f.Asked("a", 1.5, insists=True)) == (f.Size("a"),)


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


def test_callers_are_not_refused_while_a_replica_serves_them() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    assert story.say(f.Failed("a~2", 5, "It died.")) == ()


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


def test_connections_that_break_long_after_each_other_open_no_circuit() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    story.sized("a~2", 3)
    story.say(f.Ready("a~2", 1))
    for n in range(life.BREAKS * 2):
        story.say(f.Broken("a", 2 + n * (life.SOON + 1)))
    assert len(f.routable(story.fleet, "a")) == 2
