"""Choosing who gives way, against every possible choice; the guess of a return; the shelves."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.fleet.eviction import (
    Candidate,
    Choice,
    Ranking,
    cheapest,
    first,
    floor,
    longest_unused,
    weigh,
)
from ostler.core.fleet.returning import SOON, Usage, likelihood, used
from ostler.core.fleet.shelves import Shelves
from ostler.core.fleet.state import Nap, Place, State, Unit


def ready(id: str, needs: int, reload_seconds: float, usage: Usage) -> Unit:
    return Unit(id, State.READY, needs=needs, reload_seconds=reload_seconds, usage=usage)


CANDIDATES = st.lists(
    st.builds(
        ready,
        st.text("abcdefgh", min_size=3, max_size=6),
        st.integers(1, 50),
        st.floats(0.5, 60),
        st.builds(Usage, st.floats(0, 500), *(st.floats(1, 9),) * 3),
    ),
    max_size=7,
    unique_by=lambda one: one.id,
)
AT = 1000.0


def weighed(candidates: list[Unit]) -> list[Candidate]:
    return [one for unit in candidates if (one := weigh(unit, "gpu", AT))]


def chosen(candidates: list[Unit], shortage: int, by: str = "cost") -> Choice | None:
    if by == "lru":
        return first(longest_unused(zip(candidates, weighed(candidates), strict=True)), shortage)
    return cheapest(sorted(weighed(candidates)), shortage)


def ids(choice: Choice | None) -> set[str] | None:
    return None if choice is None else {one.id for one in choice.units}


@given(CANDIDATES, st.integers(1, 150), st.sampled_from(["cost", "lru"]))
def test_just_enough_goes(candidates: list[Unit], shortage: int, by: str) -> None:
    choice = chosen(candidates, shortage, by)
    total = sum(one.bytes for one in weighed(candidates))
    if choice is None:
        assert total < shortage
        return
    freed = sum(one.bytes for one in choice.units)
    assert freed >= shortage
    assert len({one.id for one in choice.units}) == len(choice.units)
    if by == "cost":
        assert all(freed - one.bytes < shortage for one in choice.units), "nobody goes needlessly"
    assert ids(chosen(candidates[::-1], shortage, by)) == ids(choice), "their order is no matter"


@given(CANDIDATES, st.integers(1, 150))
def test_the_cost_is_at_most_twice_the_least(candidates: list[Unit], shortage: int) -> None:
    choice = chosen(candidates, shortage)
    if choice is None:
        return
    every = weighed(candidates)
    least = min(
        sum(one.cost for one in some)
        for count in range(1, len(every) + 1)
        for some in combinations(every, count)
        if sum(one.bytes for one in some) >= shortage
    )
    assert choice.cost == pytest.approx(sum(one.cost for one in choice.units))
    assert choice.cost <= 2 * least * (1 + 1e-9)


@given(CANDIDATES, st.integers(1, 150), st.lists(st.floats(0, 900), min_size=7, max_size=7))
def test_a_ranking_of_any_age_gives_the_same_choice(
    candidates: list[Unit], shortage: int, ages: list[float]
) -> None:
    """Whoever was weighed long ago is weighed again where it could matter, and only there."""
    units = {unit.id: unit for unit in candidates}
    order = sorted(
        (floor(unit, "gpu", max(AT - age, unit.usage.last if unit.usage else 0.0)), unit.id)
        for unit, age in zip(candidates, ages, strict=False)
    )
    ranking = Ranking(order, lambda id: weigh(units[id], "gpu", AT), AT)
    choice = cheapest(ranking, shortage, ranking.cut)
    assert ids(choice) == ids(chosen(candidates, shortage))
    assert ranking.looked_at <= len(order)
    assert set(ranking.ranks()) == {id for _, id in order[: ranking.looked_at]}
    for id, rank in ranking.ranks().items():
        assert rank == pytest.approx(floor(units[id], "gpu", AT))


@given(CANDIDATES, st.floats(0, 5_000), st.booleans())
def test_no_rank_overtakes_the_truth(candidates: list[Unit], later: float, used_: bool) -> None:
    for unit in candidates:
        rank = floor(unit, "gpu", AT)
        if used_:
            unit = unit._replace(usage=used(unit.usage, AT + later / 2))
        weight = weigh(unit, "gpu", AT + later)
        assert weight is not None
        assert weight.density >= 2 ** (rank - (AT + later) / SOON) * (1 - 1e-9)


def test_only_those_are_weighed_that_could_go() -> None:
    units = {
        f"{n:03}": Unit(f"{n:03}", needs=10, reload_seconds=1.0 + n, usage=used(None, AT))
        for n in range(100)
    }
    order = sorted((floor(unit, "gpu", AT), unit.id) for unit in units.values())
    ranking = Ranking(order, lambda id: weigh(units[id], "gpu", AT + 1), AT + 1)
    assert ids(cheapest(ranking, 10, ranking.cut)) == {"000"}
    assert ranking.looked_at <= 2


def test_nobody_goes_where_nothing_is_short() -> None:
    assert chosen([Unit("a", needs=1)], 0) == (0.0, ())


def test_one_that_can_sleep_sleeps_if_that_is_cheaper_for_what_it_frees() -> None:
    usage = used(None, AT)
    nap = Nap(left=2, kept=8, seconds=1.0)
    sleeper = Unit("a", State.READY, needs=10, reload_seconds=30.0, usage=usage, nap=nap)
    found = weigh(sleeper, "gpu", AT)
    assert found is not None
    assert (found.sleeps, found.bytes) == (True, 8)
    awake = weigh(sleeper, "gpu", AT, naps=False)
    assert awake is not None
    assert (awake.sleeps, awake.bytes) == (False, 10)
    assert awake.least == found.least
    slow = weigh(sleeper._replace(nap=nap._replace(seconds=29.0)), "gpu", AT)
    assert slow is not None
    assert not slow.sleeps, "it would hold two bytes of ten for hardly any gain"


def test_what_sleeps_costs_what_it_then_takes_longer() -> None:
    nap = Nap(left=2, kept=8, seconds=1.0)
    usage, host = used(None, AT), Place("cpu", "cpu")
    unit = Unit(
        "a", State.ASLEEP, needs=10, reload_seconds=30.0, usage=usage, nap=nap, host=host,
        asleep=True,
    )  # fmt: skip
    on_gpu, on_host = weigh(unit, "gpu", AT), weigh(unit, "cpu", AT)
    assert on_gpu is not None
    assert on_host is not None
    assert (on_gpu.bytes, on_host.bytes) == (2, 8)
    assert on_gpu.cost == on_host.cost == pytest.approx(29 * likelihood(usage, AT))
    assert weigh(unit._replace(nap=nap._replace(left=0)), "gpu", AT) is None


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


def test_who_is_chosen_on_the_way_may_make_a_dear_small_one_worth_while() -> None:
    units = {
        "aaa": ready("aaa", 10, 16.0, Usage(0.0, 1.0, 3.0, 1.0)),
        "aab": ready("aab", 44, 1.0, Usage(0.0, 1.0, 1.0, 1.0)),
        "aac": ready("aac", 1, 2.0, Usage(0.0, 1.0, 3.0, 1.0)),
        "aad": ready("aad", 12, 24.0, Usage(0.0, 1.0, 2.0, 2.0)),
    }
    order = sorted((floor(unit, "gpu", AT), unit.id) for unit in units.values())
    ranking = Ranking(order, lambda id: weigh(units[id], "gpu", AT), AT)
    assert ids(cheapest(ranking, 55, ranking.cut)) == {"aab", "aaa", "aac"}


def test_a_dear_one_on_the_way_hides_no_cheap_one_behind_it() -> None:
    sizes = {"a": (10.0, 100), "x": (12.0, 80), "y": (8.0, 45)}  # cost, bytes: by density in order
    ranked = [Candidate(cost / size, id, cost, size) for id, (cost, size) in sizes.items()]
    assert ids(cheapest(ranked, 45)) == {"y"}


def test_a_small_cheap_one_stays_where_the_large_one_is_enough() -> None:
    ranked = [Candidate(0.05, "x", 0.1, 2), Candidate(0.1, "y", 5.0, 50)]
    assert ids(cheapest(ranked, 50)) == {"y"}


def test_one_that_was_used_since_it_was_ranked_is_not_taken_for_cheap() -> None:
    x, y = ready("x", 10, 5.0, Usage(900.0)), ready("y", 10, 6.0, Usage(900.0))
    order = sorted((floor(unit, "gpu", AT), unit.id) for unit in (x, y))
    assert order[0][1] == "x"
    units = {"x": x._replace(usage=Usage(AT, 20.0, 9.0, 9.0)), "y": y}
    ranking = Ranking(order, lambda id: weigh(units[id], "gpu", AT), AT)
    assert ids(cheapest(ranking, 10, ranking.cut)) == {"y"}
