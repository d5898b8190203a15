"""Who is started, when and how often; and who runs already."""

from __future__ import annotations

from tests.core.fleet.story import Story
from tests.core.fleet.world import GIB

from ostler.core import fleet as f


def test_ten_callers_start_one_engine() -> None:
    story = Story()
    done = [action for at in range(10) for action in story.say(f.Asked("a", at))]
    assert done == [f.Size("a")]


def test_one_load_at_a_time_on_a_device() -> None:
    story = Story()
    story.say(f.Asked("a", 0), f.Asked("b", 0))
    assert story.sized("a", 2) == (f.Start("a", ("cpu",)),)
    assert story.sized("b", 2) == ()
    assert story.say(f.Ready("a", 5)) == (f.Start("b", ("cpu",)),)


def test_what_fits_nowhere_is_refused_with_the_most_there_is() -> None:
    story = Story()
    story.say(f.Asked("a", 0))
    (refusal,) = story.sized("a", 9)
    assert isinstance(refusal, f.Refuse)
    assert "needs 9.0 GiB, and the most that any device that it may use has is 8.0 GiB" in (
        refusal.what
    )


def test_an_engine_that_runs_already_is_taken_over_if_it_still_has_room() -> None:
    story = Story()
    story.say(f.Adopted("a", 0, ("cpu",), 5 * GIB, ("cpu",)))
    assert story.state("a") is f.State.READY
    assert story.fleet.held("cpu") == 5 * GIB
    assert story.say(f.Adopted("b", 0, ("cpu",), 5 * GIB, ("cpu",))) == (f.Stop("b"),)
