"""What follows from failures: back-off, less context, circuits that open."""

from __future__ import annotations

import pytest
from tests.core.fleet.story import BOTH, Story

from ostler.core import fleet as f
from ostler.core.fleet import life
from ostler.errors import StartupTimeout, UnsupportedArchitecture


@pytest.mark.parametrize(("failures", "wait"), [(1, 1.0), (2, 2.0), (4, 8.0), (12, 300.0)])
def test_the_back_off_doubles_to_a_limit(failures: int, wait: float) -> None:
    story = Story()
    for _ in range(failures):
        story.say(f.Asked("a", story.at), f.Failed("a", story.at, f.Failure("It died.")))
        story.at = story.fleet.unit("a").retry_at
    unit = story.fleet.unit("a")
    assert unit.retry_at - unit.since == wait
    (refusal,) = story.say(f.Asked("a", unit.since))
    assert isinstance(refusal, f.Refuse)
    assert refusal.retry_after == wait


def test_an_operator_who_insists_waits_for_no_back_off() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.Failed("a", 1, f.Failure("It died.")))
    assert isinstance(story.say(f.Asked("a", 1.5))[0], f.Refuse)
    assert story.say(f.Asked("a", 1.5, insists=True)) == (f.Size("a"),)


def test_a_pinned_model_comes_back_by_itself_three_times() -> None:
    story = Story(a=f.Rules(pinned=True))
    story.say(f.Wished(0, story.wishes, story.berths))
    for failures in range(1, 4):
        story.say(f.Failed("a", story.at, f.Failure("It died.")))
        actions = story.tick(10)
        assert actions == (() if failures == 3 else (f.Size("a"),))
    assert story.state("a") is f.State.FAILED
    assert story.say(f.Asked("a", story.at)) == (f.Size("a"),)


def test_out_of_memory_is_tried_once_with_less_where_allowed() -> None:
    for allowed in (False, True):
        story = Story(a=f.Rules(less_context=allowed))
        story.say(f.Asked("a", 0))
        story.sized("a", 4)
        dies = f.Failed("a", 1, f.Failure("CUDA out of memory.", "out_of_memory"))
        if allowed:
            assert story.say(dies) == (f.Size("a", less=True),)
            story.sized("a", 2)
        (refusal,) = story.say(dies)
        assert isinstance(refusal, f.Refuse)


def test_callers_are_told_what_kind_of_failure_it_was_then_and_later() -> None:
    slow = f.Failure("It was too slow.", "unknown", StartupTimeout.code, "give it longer")
    story = Story()
    (refusal,) = story.say(f.Asked("a", 0), f.Failed("a", 1, slow))
    assert refusal == f.Refuse("a", "startup_timeout", "It was too slow.", "give it longer", 1.0)
    (later,) = story.say(f.Asked("a", 1.5))
    what = "It was too slow. It may be tried again in 0.5 s."
    assert later == f.Refuse("a", "startup_timeout", what, "give it longer", 0.5)
    assert story.fleet.unit("a").failure == slow
    story.say(f.Asked("a", 2))
    assert story.fleet.unit("a").failure is None, "it is tried again"
    (died,) = story.say(f.Failed("a", 3, f.Failure("It died.")))
    assert died == f.Refuse("a", "engine_failed", "It died.", "ostler logs a", 2.0)


def test_what_no_try_mends_is_not_tried_again_by_itself() -> None:
    odd = f.Failure("Nobody loads it.", code=UnsupportedArchitecture.code)
    story = Story(a=f.Rules(pinned=True))
    story.say(f.Wished(0, story.wishes, story.berths))
    (refusal,) = story.say(f.Failed("a", 1, odd))
    assert isinstance(refusal, f.Refuse)
    assert refusal.retry_after is None
    assert story.tick(1000) == ()
    assert story.state("a") is f.State.FAILED
    assert story.say(f.Asked("a", story.at)) == (f.Size("a"),), "somebody may have mended it"
    story.say(f.Failed("a", story.at, odd))
    (later,) = story.say(f.Asked("a", story.at + 1))
    assert later == refusal, "no hour is named at which it would be better"
    assert story.say(f.Wished(story.at, story.wishes, story.berths)) == (f.Size("a"),)


def test_the_last_use_is_the_end_of_the_last_request() -> None:
    story = Story()
    story.up("a", 3, used=False)
    assert story.fleet.unit("a").used_at is None
    story.say(f.Busy("a", 5), f.Idle("a", 8))
    assert story.fleet.unit("a").used_at == 8
    story.say(f.Busy("a", 20), f.Failed("a", 21, f.Failure("It died.")))
    assert story.fleet.unit("a").used_at == 21, "its death ended what it had"
    story.say(f.StopAsked("a", 30))
    assert story.fleet.unit("a").used_at == 21, "it is known of a stopped one, too"


def test_callers_are_not_refused_while_a_replica_serves_them() -> None:
    story = Story(BOTH, a=f.Rules(replicas=2))
    story.up("a", 3)
    assert story.say(f.Failed("a~2", 5, f.Failure("It died."))) == ()


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
