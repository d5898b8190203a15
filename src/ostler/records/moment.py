"""The moment of a record: UTC, ISO 8601 with milliseconds, which sorts as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> str:
    """Return this moment."""
    return written(datetime.now(UTC))


def today() -> str:
    """Return this day, "2026-11-20"."""
    return now()[:10]


def hours_ago(hours: float) -> str:
    """Return the moment that many hours ago, no earlier than a date can be written."""
    now = datetime.now(UTC)
    first = datetime.min.replace(tzinfo=UTC)
    most = (now - first) / timedelta(hours=1)
    return written(first if hours >= most else now - timedelta(hours=hours))


def written(moment: datetime) -> str:
    """Return a moment as records have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
