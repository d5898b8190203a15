"""`ostler status`: one look at all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ostler.core.sizes import counted, duration, file_size, memory
from ostler.core.spending import Rent, dollars
from ostler.core.standing import Standing
from ostler.faces.cli import options, ps, show
from ostler.settings import Settings

SOON = 900.0  # seconds; a rent that ends within it is shown in yellow
BAR = 20  # columns of a full bar


@click.command("status")
@options.as_json
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Show server, models, devices, downloads, jobs, rented hours and warnings, at one look.

    A rent is what `ostler cost book` wrote down, from that moment on: the time that is left of it
    and what it has cost so far. `ostler top` shows the server live.

    \b
    ostler status
    ostler status --json
    """
    from ostler.faces.cli.looking import look

    found = look(settings)
    if as_json:
        show.as_json(found)
        return
    _server(found)
    _models(found)
    _devices(found)
    _work(found)
    _rents(found)
    for text in found.warnings:
        show.line(f"{show.style('Warning:', fg='yellow')} {text}")


def _server(found: Standing) -> None:
    one = found.server
    if one:
        show.line(f"Server at {one['address']}/v1, up {duration(one['seconds'])}.")
        if one["dashboard"]:
            show.line(f"Dashboard at {one['dashboard']}; `ostler dashboard` opens it.")
    else:
        show.line("No server runs here. Start one: ostler serve")
    free = f"{file_size(found.kept.free_bytes)} free"
    models = counted(found.kept.models, "model")
    show.line(f"{models} kept in {found.home}, {file_size(found.kept.bytes)}; {free}.")


def _models(found: Standing) -> None:
    if found.server and not found.models:
        show.line("Nothing is loaded. The first request for a model loads it.")
    ps.table(found.models)
    if found.waiting:
        show.line(f"Waiting for room, in this order: {', '.join(found.waiting)}.")


def _devices(found: Standing) -> None:
    show.table(
        ("DEVICE", "NAME", "HELD BY MODELS", "OF", ""),
        [
            (one["id"], one["name"], _held(one), memory(one["room_bytes"]), _bar(one))
            for one in found.devices
        ],
        right=(2, 3),
        spare=("NAME",),
    )


def _held(one: Mapping[str, Any]) -> str:
    return "" if one["held_bytes"] is None else memory(one["held_bytes"])


def _bar(one: Mapping[str, Any]) -> str:
    held, room = one["held_bytes"], one["room_bytes"]
    if held is None or not room:
        return ""
    full = round(BAR * min(1.0, int(held) / int(room)))
    return "█" * full + "░" * (BAR - full)


def _work(found: Standing) -> None:
    for one in found.downloads:
        done, total = one["done_bytes"], one["total_bytes"]
        share = f"{100 * done / total:.0f} % of {file_size(total)}" if total else file_size(done)
        left = one["seconds_left"]
        said = f", {duration(left)} left" if one["running"] and left is not None else ""
        show.line(f"Download {one['id']} {one['name']}: {one['state']}, {share}{said}.")
    for job in found.jobs:
        share = f", {100 * job['done'] / job['total']:.0f} %" if job["total"] else ""
        state = job["stage"] or job["state"] if job["running"] else job["state"]
        show.line(f"Job {job['id']} {job['kind']} {job['model']}: {state}{share}.")


def _rents(found: Standing) -> None:
    show.table(
        ("RENTED FOR", "GPUS", "PROVIDER", "LEFT", "COST SO FAR", "BOOKED"),
        [_rent(one) for one in found.rents],
        right=(3, 4, 5),
        spare=("PROVIDER",),
        looks=[_look(one) for one in found.rents],
    )
    if found.month:
        budget = found.month.budget_cents
        of = "" if budget is None else f" of a budget of {dollars(budget)}"
        show.line(f"Booked in {found.month.month}: {dollars(found.month.spent_cents)}{of}.")


def _rent(one: Rent) -> tuple[str, ...]:
    over = one.seconds_left < 0
    left = f"over by {duration(-one.seconds_left)}" if over else duration(one.seconds_left)
    gpus = f"{one.count}x {one.gpu}"
    so_far, booked = dollars(one.so_far_cents), dollars(one.booked_cents)
    return one.model, gpus, one.provider, left, so_far, booked


def _look(one: Rent) -> str | None:
    if one.seconds_left < 0:
        return "red"
    return "yellow" if one.seconds_left < SOON else None
