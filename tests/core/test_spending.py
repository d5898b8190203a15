"""Rented hours: sums are exact, nothing is lost in a report, and a budget is one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.spending import (
    Booking,
    booked,
    by_model,
    cents,
    dollars,
    of_month,
    rents,
    standing,
)

months = st.sampled_from(["2026-10", "2026-11", "2026-12"])
bookings = st.lists(
    st.builds(
        Booking,
        model=st.sampled_from(["org/a", "org/b", "org/c"]),
        gpu=st.just("A100-80GB-SXM"),
        count=st.integers(1, 8),
        provider=st.just("lambda"),
        hours=st.sampled_from([0.25, 1.0, 4.0, 24.0]),
        cents=st.integers(0, 10**7),
        at=months.map(lambda month: f"{month}-17T10:00:00.000Z"),
    ),
    max_size=12,
)


def test_the_seeds_sums() -> None:
    wanted = [(1.29, 4, "$5.16"), (0.80, 4, "$3.20"), (0.60, 4, "$2.40"), (1.29, 2, "$2.58"),
              (1.29, 8, "$10.32"), (1.99, 4, "$7.96"), (1.29, 2.25, "$2.90")]  # fmt: skip
    for price, hours, sum_ in wanted:
        assert dollars(cents(price, hours)) == sum_


@given(bookings, months)
def test_a_report_adds_up(made: list[Booking], month: str) -> None:
    lines = by_model(of_month(made, month))
    assert sum(line.cents for line in lines) == standing(made, month, None, 0).spent
    assert sum(line.bookings for line in lines) == len(of_month(made, month))
    assert [line.cents for line in lines] == sorted((one.cents for one in lines), reverse=True)
    assert abs(sum(line.percent for line in lines) - 100) < 1e-6 or not any(
        line.cents for line in lines
    )


@given(bookings, months, st.integers(0, 10**8), st.integers(0, 10**6))
def test_over_is_beyond_the_budget_and_nothing_else_is(
    made: list[Booking], month: str, budget: int, planned: int
) -> None:
    found = standing(made, month, budget, planned)
    assert (found.word == "over") == (found.spent + planned > budget)
    if found.word == "near":
        assert found.after * 100 >= budget * 80
    more = standing(made, month, budget, planned + 1)
    order = ("within", "near", "over")
    assert order.index(more.word) >= order.index(found.word)
    assert dollars(budget) in found.because


@given(bookings)
def test_a_booking_comes_back_from_the_history(made: list[Booking]) -> None:
    assert [booked(one.model, one.at, one.facts) for one in made] == made


def test_without_a_budget_nothing_is_over() -> None:
    assert standing([], "2026-11", None, 10**9).word == "no budget"


def test_negative_cents_are_written_as_such() -> None:
    assert (dollars(-5), dollars(123456789)) == ("-$0.05", "$1,234,567.89")


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def rented(hours: float, cents: int, *, ago: float, model: str = "m") -> Booking:
    at = (NOON - timedelta(hours=ago)).isoformat(timespec="seconds")
    return Booking(model, "A100", 1, "lambda", hours, cents, at)


def test_what_two_hours_and_a_quarter_have_cost() -> None:
    """Seed S's example: $1.29 an hour for 2 h 15 min."""
    (one,) = rents([rented(4, cents(1.29, 4), ago=2.25)], NOON)
    assert one.so_far_cents == 290
    assert one.seconds_left == 1.75 * 3600


def test_what_is_over_goes_on_costing_for_a_day() -> None:
    (one,) = rents([rented(1, 129, ago=3)], NOON)
    assert (one.seconds_left, one.so_far_cents) == (-7200, 387)
    assert rents([rented(1, 129, ago=25.5)], NOON) == ()
    both = [rented(1, 129, ago=3), rented(4, 516, ago=2)]
    assert [one.booked_cents for one in rents(both, NOON)] == [516], "booked anew"


@given(st.floats(0.01, 1e9), st.integers(0, 10**9), st.floats(0, 1e6))
def test_a_rent_costs_what_was_booked_when_it_ends(hours: float, sum_: int, ago: float) -> None:
    for one in rents([rented(hours, sum_, ago=ago)], NOON):
        assert one.so_far_cents >= 0
        assert (one.so_far_cents <= one.booked_cents) or one.seconds_left < 0
