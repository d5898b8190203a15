"""What rented GPUs have cost this month, what is left of the budget, and for which models it went.

Money is in US dollars, in whole cents; a month is a calendar month in UTC, "2026-11".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

ACT = "rent"  # what a booking is called in the history
LONGEST_HOURS = 100_000.0  # eleven years; what is booked for longer never ends here
NEAR_PERCENT = 80  # of the budget, from which on every quote says so
Word = Literal["no budget", "within", "near", "over"]


@dataclass(frozen=True, slots=True)
class Booking:
    """Hours of rented GPUs, and what they cost."""

    model: str
    gpu: str
    count: int
    provider: str
    hours: float
    cents: int
    at: str = ""  # UTC, ISO 8601

    @property
    def facts(self) -> dict[str, object]:
        """What the history keeps beside the model."""
        return {
            "gpu": self.gpu, "count": self.count, "provider": self.provider,
            "hours": self.hours, "cents": self.cents,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A sum held against a month's budget."""

    word: Word
    budget: int | None  # cents
    spent: int  # cents, before the sum
    planned: int  # cents, the sum
    because: str

    @property
    def after(self) -> int:
        return self.spent + self.planned


@dataclass(frozen=True, slots=True)
class Line:
    """What one model took of a month."""

    model: str
    bookings: int
    hours: float
    cents: int
    percent: float  # of the month's whole sum; 0 where that is nothing


@dataclass(frozen=True, slots=True)
class Rent:
    """Booked hours at one moment: what is left of them, and what they have cost so far."""

    model: str
    gpu: str
    count: int
    provider: str
    ends_at: str  # UTC, ISO 8601
    seconds_left: float  # less than nothing: they were over so long ago
    so_far_cents: int  # goes on where they are over: only its provider ends a machine
    booked_cents: int


def booked(model: str, at: str, facts: Mapping[str, object]) -> Booking:
    """Return a booking as the history has it."""
    return Booking(
        model,
        str(facts.get("gpu", "")),
        int(str(facts.get("count", 1))),
        str(facts.get("provider", "")),
        float(str(facts.get("hours", 0))),
        int(str(facts.get("cents", 0))),
        at,
    )


def cents(price: float, hours: float) -> int:
    """Return what so many hours cost at a price in dollars an hour, to the nearest cent."""
    return round(price * hours * 100)


def dollars(amount: int) -> str:
    """Write cents: `$5.16`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount) // 100:,}.{abs(amount) % 100:02}"


def of_month(bookings: Iterable[Booking], month: str) -> tuple[Booking, ...]:
    """Return the bookings of a month, "2026-11"."""
    return tuple(one for one in bookings if one.at.startswith(f"{month}-"))


def standing(bookings: Iterable[Booking], month: str, budget: int | None, planned: int) -> Standing:
    """Hold a sum against what is left of a month's budget, with the reason."""
    spent = sum(one.cents for one in of_month(bookings, month))
    if budget is None:
        said = f"{dollars(spent)} booked in {month}, and no monthly budget is set"
        return Standing("no budget", None, spent, planned, said)
    after = spent + planned
    sums = f"{dollars(spent)} booked in {month}"
    if planned:
        sums += f", {dollars(after)} with this"
    sums += f", of a budget of {dollars(budget)}"
    if after > budget:
        return Standing("over", budget, spent, planned, f"{sums}: {dollars(after - budget)} over")
    near = after * 100 >= budget * NEAR_PERCENT
    left = f"{sums}: {dollars(budget - after)} left"
    return Standing("near" if near else "within", budget, spent, planned, left)


def by_model(bookings: Iterable[Booking]) -> tuple[Line, ...]:
    """Return what each model took, the most first; their cents add up to the whole."""
    found: dict[str, list[Booking]] = {}
    for one in bookings:
        found.setdefault(one.model, []).append(one)
    whole = sum(one.cents for of in found.values() for one in of)
    lines = [
        Line(
            model,
            len(of),
            sum(one.hours * one.count for one in of),
            sum(one.cents for one in of),
            100 * sum(one.cents for one in of) / whole if whole else 0.0,
        )
        for model, of in found.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.cents, line.model)))


REMEMBERED = timedelta(days=1)  # after its end a rent is still shown for so long


def rents(bookings: Iterable[Booking], now: datetime) -> tuple[Rent, ...]:
    """Return the rents that run, or ended within a day; the one that ends first comes first.

    A rent begins when it is booked. One that is over and was booked anew is not shown twice.
    Raises ValueError for a time that is none.
    """
    found: list[Rent] = []
    anew: set[tuple[str, str, int, str]] = set()
    for one in sorted(bookings, key=lambda booking: booking.at, reverse=True):
        began = datetime.fromisoformat(one.at.replace("Z", "+00:00"))
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
        length = timedelta(hours=min(one.hours, LONGEST_HOURS))
        what = (one.model, one.gpu, one.count, one.provider)
        over = began + length < now
        if not length or began + length < now - REMEMBERED or (over and what in anew):
            continue
        anew.add(what)
        found.append(
            Rent(
                one.model, one.gpu, one.count, one.provider,
                ends_at=(began + length).isoformat(timespec="seconds"),
                seconds_left=(began + length - now).total_seconds(),
                so_far_cents=round(one.cents * (max(now - began, timedelta()) / length)),
                booked_cents=one.cents,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda rent: (rent.seconds_left, rent.model)))
