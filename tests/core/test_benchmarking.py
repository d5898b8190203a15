"""Laws of the statistics: percentiles, arrivals, what counts as late."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.benchmarking import Timing, arrivals, percentile, result, spread

seconds = st.floats(0, 1e6, allow_nan=False)
values = st.lists(seconds, min_size=1, max_size=20)
percents = st.floats(0, 100)
draws = st.lists(st.floats(0, nextafter(1.0, -inf)), min_size=50, max_size=50)


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    due = draw(seconds)
    sent = due + draw(st.floats(0, 100))
    first = sent + draw(st.floats(0, 100))
    gaps = tuple(draw(st.lists(st.floats(0, 10), max_size=5)))
    error = draw(st.sampled_from(["", "", "HTTP 503: busy", "TimeoutError: "]))
    tokens = draw(st.none() | st.integers(1, 1000))
    return Timing(due, sent, first, first + sum(gaps), gaps, tokens, tokens, error)


@given(values, percents, percents)
def test_a_percentile_lies_within_and_grows(found: list[float], one: float, other: float) -> None:
    ordered = sorted(found)
    low, high = sorted((one, other))
    assert ordered[0] <= percentile(ordered, low) <= percentile(ordered, high) <= ordered[-1]


@given(values)
def test_the_ends_and_the_middle(found: list[float]) -> None:
    ordered = sorted(found)
    assert percentile(ordered, 0) == ordered[0]
    assert percentile(ordered, 100) == ordered[-1]
    if len(ordered) % 2:
        assert percentile(ordered, 50) == ordered[len(ordered) // 2]


def test_percentiles_are_those_of_numpy() -> None:
    """numpy.percentile([10, 20, 30, 40], [25, 50, 90, 99]), computed once by hand."""
    ordered = [10.0, 20.0, 30.0, 40.0]
    got = [percentile(ordered, percent) for percent in (25, 50, 90, 99)]
    assert got == pytest.approx([17.5, 25.0, 37.0, 39.7])
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@given(values)
def test_the_order_of_requests_changes_nothing(found: list[float]) -> None:
    assert spread(found) == spread(reversed(found))
    said = spread(found)
    assert said is not None
    assert said.least <= said.p50 <= said.p90 <= said.p95 <= said.p99 <= said.most
    assert said.least <= said.mean <= said.most
    assert spread([]) is None


@given(st.integers(1, 50), st.floats(0.01, 1000), draws)
def test_arrivals_never_go_back(count: int, rate: float, random: list[float]) -> None:
    for due in (arrivals(count, rate), arrivals(count, rate, random)):
        assert len(due) == count
        assert due[0] == 0
        assert due == sorted(due)


def test_an_even_rate_is_even_and_a_random_one_has_the_same_mean() -> None:
    assert arrivals(4, 2) == [0, 0.5, 1.0, 1.5]
    spread_out = [(number + 0.5) / 1000 for number in range(1000)]
    assert arrivals(1000, 10, spread_out)[-1] == pytest.approx(100, rel=0.02)


@given(st.lists(timings(), max_size=8))
def test_what_failed_is_counted_and_never_timed(run: list[Timing]) -> None:
    said = result(run)
    bad = [one for one in run if one.error]
    assert (said.requests, said.failed) == (len(run), len(bad))
    assert sum(count for _, count in said.errors) == len(bad)
    good = len(run) - len(bad)
    assert (said.latency.count if said.latency else 0) == good
    assert said.requests_per_second * said.seconds == pytest.approx(good if said.seconds else 0)


def test_a_stall_is_seen_in_all_that_it_made_late() -> None:
    """Ten requests a second; the server stands still for one second at the third of them."""
    due = arrivals(10, 10)
    free, run = 0.0, []
    for number, at in enumerate(due):
        sent = max(at, free)  # one line: it cannot be sent before the last has ended
        end = sent + (1.0 if number == 2 else 0.01)
        free = end
        run.append(Timing(at, sent, end, end))
    said = result(run)
    assert said.latency is not None
    assert said.latency.p50 > 0.5, "from when they were due, half of them took longer than that"
    naive = spread(one.end - one.sent for one in run if one.end is not None)
    assert naive is not None
    assert naive.p50 < 0.02, "from when they were sent, nothing would be seen of it"
    assert said.waited is not None
    assert said.waited.most == pytest.approx(0.9)


def test_tokens_that_one_answer_does_not_count_are_unknown_for_all() -> None:
    one = Timing(0, 0, 1, 3, (1.0, 1.0), 10, 3)
    said = result([one, replace(one, due=1, sent=1, end=5)])
    assert (said.prompt_tokens, said.output_tokens) == (20, 6)
    assert said.output_tokens_per_second == pytest.approx(6 / 5)
    assert said.tokens_per_second == pytest.approx(26 / 5)
    assert said.per_token is not None
    assert said.per_token.least == pytest.approx(1.0)
    unknown = result([one, replace(one, output_tokens=None)])
    assert unknown.output_tokens is None
    assert unknown.output_tokens_per_second is None
    assert result([]).latency is None


def test_the_most_frequent_error_comes_first() -> None:
    bad = [Timing(0, 0, end=1, error=error) for error in ("b", "a", "b")]
    assert result([*bad, Timing(0, 0)]).errors == (("b", 2), ("a", 1), ("no answer", 1))
