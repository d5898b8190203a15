"""How an installation stands at one moment: what serves, what runs, what comes, what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.core.sizes import duration
from ostler.core.spending import Rent, dollars


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on the disk."""

    models: int
    bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Month:
    """What the month's bookings come to."""

    month: str
    spent_cents: int
    budget_cents: int | None
    standing: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All that `ostler status` shows. Sizes are bytes, times seconds, money US cents."""

    home: str
    version: str
    server: Mapping[str, Any] | None  # address, dashboard, pid, seconds; None: none runs
    models: Sequence[Mapping[str, Any]]  # as `ostler ps --json` has them
    devices: Sequence[Mapping[str, Any]]  # held_bytes is None without a server
    waiting: Sequence[str]
    downloads: Sequence[Mapping[str, Any]]
    jobs: Sequence[Mapping[str, Any]]
    kept: Kept
    rents: tuple[Rent, ...]
    month: Month | None  # None: nothing was ever booked, and no budget is set
    warnings: tuple[str, ...]


def of_rents(rents: Sequence[Rent]) -> Iterator[str]:
    """Warn of rented hours that are over: what they go on costing nobody here can see."""
    for one in rents:
        if one.seconds_left < 0:
            over = duration(-one.seconds_left)
            yield (
                f"The hours booked for {one.model} ({one.count}x {one.gpu} at {one.provider}) are "
                f"over since {over}. If the machine still runs, it has cost "
                f"{dollars(one.so_far_cents)}: end it there, or `ostler cost book {one.model}`."
            )


def of_models(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Warn of models that failed."""
    for one in models:
        if one["state"] == "failed":
            id = str(one["id"]).partition("~")[0]
            why = f": {str(one['why']).rstrip('.')}" if one.get("why") else ""
            yield f"{one['id']} failed{why}. `ostler why {id}` says what to do."


def of_downloads(downloads: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Warn of downloads that were broken off."""
    for one in downloads:
        if one["state"] == "broken off":
            yield (
                f"The download of {one['name']} was broken off. `ostler downloads resume "
                f"{one['id']}` goes on with it."
            )


def of_month(month: Month | None) -> Iterator[str]:
    """Warn where the month's budget is nearly, or more than, spent."""
    if month and month.budget_cents is not None and month.standing in ("near", "over"):
        spent, budget = dollars(month.spent_cents), dollars(month.budget_cents)
        yield f"{spent} of the budget of {budget} for {month.month} is booked."
