"""Choosing who gives way, against every possible choice; the guess of a return; the shelves."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.fleet.eviction import choose
from ostler.core.fleet.returning import NEVER, Usage, likelihood, used
from ostler.core.fleet.shelves import Shelves
from ostler.core.fleet.state import Unit

CANDIDATES = st.lists(
    st.builds(
        Unit,
        id=st.text("abcdefgh", min_size=3, max_size=6),
        needs=st.integers(1, 50),
        reload_seconds=st.floats(0.5, 60),
        usage=st.builds(Usage, st.floats(0, 500), *(st.floats(1, 9),) * 3),
    ),
    max_size=7,
    unique_by=lambda one: one.id,
)


def cost(chosen: tuple[Unit, ...]) -> float:
    return sum(one.reload_seconds * likelihood(one.usage or NEVER, 1000.0) for one in chosen)


@given(CANDIDATES, st.integers(1, 150), st.sampled_from(["cost", "lru"]))
def test_just_enough_goes(candidates: list[Unit], shortage: int, by: str) -> None:
    choice = choose(candidates, shortage, 1000.0, by)
    total = sum(one.needs for one in candidates)
    if choice is None:
        assert total < shortage
        return
    chosen = choice.units
    freed = sum(one.needs for one in chosen)
    assert freed >= shortage
    assert len({one.id for one in chosen}) == len(chosen)
    if by == "cost":
        assert all(freed - one.needs < shortage for one in chosen), "nobody goes needlessly"
    assert choose(candidates[::-1], shortage, 1000.0, by) == choice, "the order does not matter"


@given(CANDIDATES, st.integers(1, 150))
def test_the_cost_is_at_most_twice_the_least(candidates: list[Unit], shortage: int) -> None:
    choice = choose(candidates, shortage, 1000.0, "cost")
    if choice is None:
        return
    least = min(
        cost(some)
        for count in range(1, len(candidates) + 1)
        for some in combinations(candidates, count)
        if sum(one.needs for one in some) >= shortage
    )
    assert choice.cost == pytest.approx(cost(choice.units))
    assert choice.cost <= 2 * least * (1 + 1e-9)


def test_nobody_goes_where_nothing_is_short() -> None:
    assert choose([Unit("a", needs=1)], 0, 0.0, "cost") == (0.0, ())


def test_more_and_later_uses_make_a_return_likelier() -> None:
    once = used(None, 0.0)
    twice = used(once, 10.0)
    assert likelihood(twice, 20.0) > likelihood(once, 20.0)
    assert likelihood(used(None, 15.0), 20.0) > likelihood(once, 20.0)
    assert likelihood(once, 10_000.0) < likelihood(once, 100.0)


@given(st.dictionaries(st.text(max_size=4), st.integers()), st.text(max_size=4), st.integers())
def test_shelves_are_a_map(entries: dict[str, int], name: str, value: int) -> None:
    shelves: Shelves[int] = Shelves()
    for key, one in entries.items():
        shelves = shelves.put(key, one)
    assert dict(shelves) == entries
    assert len(shelves) == len(entries)
    changed = shelves.put(name, value)
    assert changed[name] == value
    assert shelves.get(name) == entries.get(name), "the older map is as it was"
