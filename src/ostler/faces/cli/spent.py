"""What was booked of rented GPUs, read from the records."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from ostler import wiring
from ostler.core import spending
from ostler.core.spending import Booking
from ostler.settings import Settings

MOST_EVENTS = 100_000  # bookings that are read at once


def bookings(settings: Settings, since: str) -> tuple[Booking, ...]:
    """Return what was booked since a day, "2026-11-01"; making no records where there are none."""
    if not wiring.has_records(settings):
        return ()
    with closing(wiring.records(settings)) as records:
        told = records.events.since(since, acts=(spending.ACT,), limit=MOST_EVENTS)
    return tuple(spending.booked(one.subject, one.at, one.facts) for one in told)


def budget(settings: Settings) -> int | None:
    """Return the month's budget in cents; None where none is set."""
    return None if settings.monthly_usd is None else settings.monthly_usd * 100


def this_month() -> str:
    """Return this month, "2026-11"."""
    return f"{datetime.now(UTC):%Y-%m}"
