"""A look at everything here, for `ostler status`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ostler import wiring
from ostler.core import filling, spending, standing
from ostler.core.standing import Kept, Month, Standing
from ostler.core.usage import advice
from ostler.errors import OstlerError
from ostler.faces.cli import downloads, jobs_listed, server, show, spent
from ostler.nouns import Device
from ostler.settings import Settings
from ostler.version import __version__

SERVER = ("address", "pid", "seconds", "version", "dashboard")


def look(settings: Settings) -> Standing:
    """Ask server, store and records; what cannot be asked becomes a warning. Nothing is written."""
    warnings: list[str] = []
    fleet = _fleet(settings, warnings)
    store = wiring.store(settings)
    coming = [downloads.entry(one) for one in store.downloads.all()]
    rents, month = _money(settings, warnings)
    free, _ = store.disk()
    state, sentence = advice(free, settings.disk_warn_gb, settings.disk_critical_gb)
    here, every = wiring.devices(), jobs_listed.listed(settings)
    models = fleet["models"] if fleet else []
    warnings += [
        *(fleet["warnings"] if fleet else filling.nearly_full(tuple(here))),
        *standing.of_models(models),
        *standing.of_downloads(coming),
        *([sentence] if state != "ok" else []),
        *standing.of_rents(rents),
        *standing.of_month(month),
    ]
    return Standing(
        home=str(settings.home),
        version=__version__,
        server=_server(fleet),
        models=models,
        devices=fleet["devices"] if fleet else [_device(one) for one in here],
        waiting=fleet["waiting"] if fleet else [],
        downloads=coming,
        jobs=[show.plain(one) for one in jobs_listed.alive(every) if one.kind != "pull"],
        kept=Kept(len(store.models()), store.used_bytes(), free),
        rents=rents,
        month=month,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _fleet(settings: Settings, warnings: list[str]) -> dict[str, Any] | None:
    found = server.running(settings)
    try:
        fleet: dict[str, Any] | None = server.ask(found, "GET", "/api/fleet") if found else None
    except OstlerError as refusal:
        warnings.append(refusal.what)
        return None
    return fleet


def _server(fleet: dict[str, Any] | None) -> dict[str, Any] | None:
    if fleet is None:
        return None
    return {name: fleet[name] for name in SERVER}


def _device(one: Device) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "room_bytes": one.total_bytes, "held_bytes": None,
        "load_bytes_per_second": None,
    }  # fmt: skip


def _money(
    settings: Settings, warnings: list[str]
) -> tuple[tuple[spending.Rent, ...], Month | None]:
    """Return what is rented now, and what the month's bookings come to."""
    try:
        made = spent.bookings(settings, "1970-01-01")
    except OstlerError as refusal:
        warnings.append(refusal.what)
        return (), None
    budget, month = spent.budget(settings), spent.this_month()
    if not made and budget is None:
        return (), None
    found = spending.standing(made, month, budget, 0)
    return (
        spending.rents(made, datetime.now(UTC)),
        Month(month, found.spent, found.budget, found.word),
    )
