"""`ostler dashboard`: the server's web pages, opened as the owner of this home."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from ostler.errors import UsageError
from ostler.faces.cli import options, server, show
from ostler.settings import Settings
from ostler.store import durable

PAGE = """<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}"><title>Ostler</title>
<a href="{url}">Open the dashboard</a>
"""


@click.command("dashboard")
@click.option("--no-open", is_flag=True, help="Print the address and open no browser.")
@options.as_json
@click.pass_obj
def command(settings: Settings, no_open: bool, as_json: bool) -> None:
    """Open the dashboard of this home's server in a browser.

    Where the server needs a key, the link signs one browser in as the owner of this home, once and
    within a minute. On a machine without a screen the link is printed.

    \b
    ostler dashboard
    ostler dashboard --no-open
    """
    found = server.needed(settings)
    address = server.ask(found, "GET", "/api/server")["dashboard"]
    if address is None:
        raise UsageError(
            f"The server at {found.address} runs without its dashboard.",
            hint="Start it without --no-dashboard, and with OSTLER_DASHBOARD=yes.",
        )
    made = server.ask(found, "POST", "/api/dashboard/tickets")
    opened = not (no_open or as_json) and _has_screen() and _open(settings, made["url"])
    if as_json:
        show.as_json({"address": address, **made})
        return
    show.line(f"The dashboard is at {address}")
    if made["url"] != address:
        said = "If your browser shows nothing, open this" if opened else "Open this"
        show.line(f"{said}, once, within {made['seconds']} s:\n  {made['url']}")


def _has_screen() -> bool:
    """Say whether a browser with windows can be opened; those for terminals have no scripts."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(settings: Settings, url: str) -> bool:
    """Open the link by a page that only we can read: programs' arguments are seen by everybody."""
    page = settings.run_dir / "dashboard.html"
    durable.tell(page, PAGE.format(url=url))
    return webbrowser.open(Path(page).absolute().as_uri())
