"""Pools: each a part of the devices, with models of its own."""

from __future__ import annotations

from tests.core.fleet.story import BOTH, ROOM, Story
from tests.core.fleet.world import GIB

from ostler.core import fleet as f
from ostler.core.fleet import pools


def test_what_is_not_preloaded_goes_to_the_catch_all_pool() -> None:
    for spill in (False, True):
        story = Story(
            BOTH,
            shares={pools.CATCHALL: pools.Share(("gpu:1",))},
            policy=f.Policy(residency=0.0, spill=spill),
        )
        story.say(f.Asked("a", 0))
        assert story.sized("a", 5) == (f.Start("a", ("gpu:1",)),)
        story.say(f.Ready("a", 1), f.Busy("a", 1), f.Asked("b", 2))
        expected = f.Start("b", ("gpu:0",)) if spill else f.Withdraw("a")
        assert story.sized("b", 5) == (expected,)


def test_what_is_preloaded_stays_out_of_the_catch_all_pool() -> None:
    story = Story(BOTH, shares={pools.CATCHALL: pools.Share(("gpu:0",))}, a=f.Rules(pinned=True))
    story.say(f.Tick(0))
    assert story.sized("a", 5) == (f.Start("a", ("gpu:1",)),)


def test_a_share_of_a_device_is_a_limit() -> None:
    story = Story(shares={pools.CATCHALL: pools.Share(("cpu",), part=0.5)})
    story.up("a", 3)
    story.say(f.Asked("b", 5))
    assert story.sized("b", 3) == (f.Withdraw("a"),)


def test_who_takes_no_room_of_the_pool_in_question_stays() -> None:
    shares = {pools.CATCHALL: pools.Share(("cpu",), bytes=4 * GIB)}
    story = Story(shares={**shares, "big": pools.Share(("cpu",))}, a=f.Rules(pool="big"))
    for model in ("a", "b"):
        story.up(model, 3)
    for at in range(1, 30):
        story.say(f.Busy("b", at), f.Idle("b", at))
    story.say(f.Asked("c", 60))
    assert story.sized("c", 3) == (f.Withdraw("b"),), "a is cheaper, and its room is another pool's"


def test_a_device_divided_anew_still_holds_what_it_held() -> None:
    story = Story()
    story.up("a", 6)
    berths, _ = pools.berths(ROOM, {pools.CATCHALL: pools.Share(("cpu",), bytes=4 * GIB)})
    story.say(f.Wished(1, story.wishes, berths), f.Asked("b", 2))
    assert f.Start("b", ("cpu",)) not in story.sized("b", 4), (
        "a takes 6 of 8 GiB, wherever it counts"
    )


def test_a_unit_counts_in_a_berth_that_is_there() -> None:
    story = Story()
    story.up("a", 6)
    berths, _ = pools.berths(ROOM, {pools.CATCHALL: pools.Share(("cpu",))})
    story.say(f.Wished(1, story.wishes, berths))
    assert story.fleet.unit("a").berth in berths


def test_pools_that_ask_for_too_much_are_told() -> None:
    found, flaws = pools.berths(
        ROOM,
        {"x": pools.Share(("cpu",), bytes=6 * GIB), "y": pools.Share(("cpu", "gpu:7"), part=1)},
    )
    assert sum(berth.room for berth in found.values()) == 8 * GIB
    assert flaws == (
        "The pool y gets less of cpu than it asks for.",
        "The pool y names gpu:7, and this machine has cpu.",
    )
