"""`ostler config`: the settings, and where each comes from."""

from __future__ import annotations

import click

from ostler.core.addresses import without_password
from ostler.faces.cli import options, show
from ostler.settings import Settings


@click.command("config")
@click.argument("show_", metavar="[show]", required=False, type=click.Choice(["show"]))
@options.as_json
@click.pass_obj
def command(settings: Settings, show_: str | None, as_json: bool) -> None:
    """Show every setting, its value, and where it comes from.

    A flag goes before the environment, that before the file settings.toml in the home (lines such
    as `port = 9000`), and that before the default.

    \b
    ostler config
    OSTLER_PORT=9000 ostler config --json
    """
    rows = [
        (name, without_password(value) if isinstance(value, str) else value, origin)
        for name, origin in settings.origins.items()
        for value in (getattr(settings, name),)
    ]
    if as_json:
        show.as_json({name: {"value": value, "origin": origin} for name, value, origin in rows})
        return
    show.table(
        ("SETTING", "VALUE", "FROM", "SET IT WITH"),
        [(n, "" if v is None else str(v), o, f"OSTLER_{n.upper()}") for n, v, o in rows],
        spare=("SET IT WITH",),
    )
