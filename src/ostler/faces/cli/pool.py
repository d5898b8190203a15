"""`ostler pool`: which part of which device is for which models."""

from __future__ import annotations

from typing import Any

import click

from ostler import wiring
from ostler.core.sizes import memory
from ostler.errors import UsageError
from ostler.faces.cli import options, server, show, wishes
from ostler.settings import Settings

ADVICE = (
    "Size the catch-all pool for the largest model that is tried out, and preload few models: "
    "what is pinned is never evicted."
)


@click.group("pool", invoke_without_command=True)
@options.as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the pools, or set one.

    Models that are not preloaded and name no pool go to the pool `catchall`, where there is one.

    \b
    ostler pool
    ostler pool set catchall 20GiB
    ostler pool set catchall nvidia:1
    ostler pool rm catchall
    """
    if ctx.invoked_subcommand is not None:
        return
    settings: Settings = ctx.obj
    found = server.running(settings)
    state = server.ask(found, "GET", "/api/server") if found else None
    if as_json:
        show.as_json(state["pools"] if state else _written(settings))
    elif state:
        _show(state["pools"])
    else:
        _show_written(settings)


@command.command("set")
@click.argument("name")
@click.argument("size")
@click.option("--device", "devices", multiple=True, metavar="ID", help="Only of these devices.")
@options.dry_run
@options.as_json
@click.pass_obj
def set_(
    settings: Settings, name: str, size: str, devices: tuple[str, ...], dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Set a pool.

    SIZE is a part of each device's memory (20GiB or 30%), a device (nvidia:1), or a number of
    whole devices, counted from the last.

    \b
    ostler pool set catchall 20GiB
    ostler pool set catchall nvidia:1
    """
    from ostler.faces.server import edits

    values = _values(size, devices)
    edit = edits.pool(name, values)
    wished = wishes.tell(settings, "PUT", wishes.pool_path(name), values, edit, dry_run)
    if as_json:
        show.as_json(wished)
        return
    said = ", ".join(
        f"{key} {', '.join(value) if isinstance(value, list) else value}"
        for key, value in values.items()
    )
    show.line(f"The pool {name} {'would have' if dry_run else 'has'} {said}.")
    wishes.show_unmet(wished)


@command.command("rm")
@click.argument("name")
@options.dry_run
@options.as_json
@click.pass_obj
def rm(settings: Settings, name: str, dry_run: bool, as_json: bool) -> None:
    """Dissolve a pool; its models stay where they are.

    \b
    ostler pool rm catchall
    """
    from ostler.faces.server import edits

    path, edit = wishes.pool_path(name), edits.pool(name, None)
    wished = wishes.tell(settings, "DELETE", path, None, edit, dry_run)
    if as_json:
        show.as_json(wished)
    else:
        show.line(f"The pool {name} {'would be' if dry_run else 'is'} dissolved.")


def _values(size: str, devices: tuple[str, ...]) -> dict[str, Any]:
    """What the file says of a pool of this size. Raises UsageError."""
    on = {"devices": list(devices)} if devices else {}
    if size.isdecimal():
        here = [device.id for device in _devices()]
        if not 0 < int(size) <= len(here):
            raise UsageError(f"There is no such device here; there is: {', '.join(here)}.")
        return {"devices": here[-int(size) :]}
    if size.endswith("%"):
        return {**on, "share": size}
    if size[:1].isdecimal():
        return {**on, "memory": size}
    return {"devices": [size, *devices]}


def _devices() -> tuple[Any, ...]:
    """The GPUs of this machine; its CPU where it has none."""
    every = tuple(wiring.devices())
    return tuple(one for one in every if one.kind != "cpu") or every


def _show(pools: list[dict[str, Any]]) -> None:
    titles = ("POOL", "ON", "HELD", "OF", "MODELS")
    rows = [
        (
            one["pool"] or "(none)",
            one["device"],
            memory(one["held_bytes"]),
            memory(one["room_bytes"]),
            ", ".join(one["models"]),
        )
        for one in pools
    ]
    show.table(titles, rows, right=(2, 3))
    show.line(ADVICE)


def _written(settings: Settings) -> dict[str, Any]:
    from ostler.faces.server import wishes as w

    wished = w.load(settings.home / w.FILE).model_dump(mode="json", exclude_defaults=True)
    pools: dict[str, Any] = wished.get("pools", {})
    return pools


def _show_written(settings: Settings) -> None:
    pools = _written(settings)
    for name, pool in pools.items():
        said = ", ".join(f"{key} {value}" for key, value in pool.items())
        show.line(f"{name}: {said}")
    if not pools:
        show.line("No pool is set: every model may use every device.")
    show.line(ADVICE)
