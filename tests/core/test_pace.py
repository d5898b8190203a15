"""A cap: amounts as people write them, and pauses that keep the rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.pace import Pace, amount
from ostler.core.rates import SPAN, Rate
from ostler.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2MB/s", 2_000_000),
        ("500 GB", 500 * 10**9),
        ("1.5GiB", 3 * 2**29),
        ("7", 7),
        ("10k", 10**4),
    ],
)
def test_amounts(text: str, count: int) -> None:
    assert amount(text, "x") == count


@pytest.mark.parametrize("text", ["fast", "-1MB", "0", "2 MB/h", "1e9", "1ib"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-speed"):
        amount(text, "--max-speed")


def test_no_text_is_no_cap() -> None:
    assert amount("  ", "x") is None


def test_nothing_is_an_amount_where_it_may_be() -> None:
    assert amount("0", "--reserve", least=0) == amount("0GB", "--reserve", least=0) == 0
    with pytest.raises(UsageError, match="'0' is no amount"):
        amount("0", "--max-speed")


@given(
    st.integers(1000, 10**9),
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 3)), min_size=1, max_size=30),
)
def test_the_rate_is_kept_whatever_comes_when(rate: int, steps: list[tuple[int, float]]) -> None:
    now, taken, pace = 100.0, 0, Pace(rate, 100.0)
    for count, idle in steps:
        now += idle
        pace, pause = pace.take(count, now)
        taken += count
        now += pause
        assert taken <= rate * (now - 100.0) * 1.000001 + 1


@given(st.lists(st.floats(0.1, 2), min_size=2, max_size=40))
def test_a_rate_is_of_the_last_seconds(gaps: list[float]) -> None:
    now, done, rate = 0.0, 0, Rate()
    for gap in gaps:
        now += gap
        done += round(gap * 1000)
        rate = rate.at(now, done)
    assert rate.value is not None
    assert rate.value == pytest.approx(1000, rel=0.05, abs=10)
    assert rate.seen[-1][0] - rate.seen[0][0] <= SPAN
    assert Rate().at(1, 1).value is None
