"""`ostler ps`: what is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ostler.core.last_use import last_use
from ostler.core.sizes import duration, memory
from ostler.faces.cli import options, server, show
from ostler.settings import Settings

SPARE = ("CONTEXT", "ENGINE", "SINCE", "LAST USED")  # columns that go where the room is too little


@click.command("ps")
@options.as_json
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Show the models that are loaded, on their way, or failed.

    \b
    ostler ps
    ostler ps --json
    """
    found = server.running(settings)
    state = server.ask(found, "GET", "/api/server") if found else None
    models = server.ask(found, "GET", "/api/models") if found else []
    if as_json:
        show.as_json({"server": state, "models": models})
        return
    if not state:
        show.line("No server runs here. Start one: ostler serve")
        return
    show.line(f"Server at {state['address']}/v1, up {duration(state['seconds'])}.")
    if not models:
        show.line("Nothing is loaded. The first request for a model loads it.")
    table(models)
    if state["waiting"]:
        show.line(f"Waiting for room, in this order: {', '.join(state['waiting'])}.")
    for text in state["warnings"]:
        show.line(f"Warning: {text}")
    for device in state["devices"]:
        held, room = memory(device["held_bytes"]), memory(device["room_bytes"])
        show.line(f"{device['id']} ({device['name']}): {held} of {room} held by models.")


def table(models: Sequence[Mapping[str, Any]]) -> None:
    """Print loaded models, and why those that say so are as they are."""
    titles = (
        "MODEL", "STATE", "ENGINE", "MEMORY", "ON", "CONTEXT", "REQUESTS", "LAST USED", "SINCE",
    )  # fmt: skip
    show.table(titles, [_row(one) for one in models], right=(3, 5, 6, 7, 8), spare=SPARE)
    for one in models:
        if one["why"]:
            show.line(f"{one['id']}: {one['why']}")
        if one["hint"]:
            show.line(f"  {one['hint']}")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["id"],
        _state(one),
        one["engine"] or "",
        memory(one["memory_bytes"]) if one["memory_bytes"] else "",
        one["device"] or "",
        str(one["context"] or ""),
        str(one["requests"]),
        last_use(one),
        duration(one["seconds"]),
    )


def _state(one: Mapping[str, Any]) -> str:
    eta = f", {duration(one['eta_seconds'])} to go" if one["eta_seconds"] else ""
    lease = f", ends in {duration(one['lease_seconds'])}" if one.get("lease_seconds") else ""
    marks = [mark for mark in ("busy", "pinned") if one[mark]]
    return ", ".join([one["state"], *marks]) + eta + lease
