"""`ostler trash`: what was removed and can be had back."""

from __future__ import annotations

from datetime import timedelta

import click

from ostler import wiring
from ostler.core.sizes import file_size
from ostler.faces.cli import options, show
from ostler.settings import Settings


@click.command("trash")
@options.as_json
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """List what was removed and can be had back. `ostler gc --trash-days 0` empties it.

    \b
    ostler trash
    ostler undo
    """
    entries = wiring.store(settings).trash.entries()
    window = timedelta(days=settings.trash_days)
    if as_json:
        show.as_json(
            [
                {
                    "id": entry.id,
                    "removed_at": entry.at.isoformat(timespec="seconds"),
                    "until": (entry.at + window).isoformat(timespec="seconds"),
                    "bytes": entry.size,
                    "models": [{"name": m.name, "commit": m.commit} for m in entry.manifests],
                }
                for entry in entries
            ]
        )
        return
    if not entries:
        show.line("The trash is empty.")
        return
    rows = [
        (m.name, m.commit[:12], file_size(m.size), f"{e.at:%F %H:%M}", f"{e.at + window:%F %H:%M}")
        for e in entries
        for m in e.manifests
    ]
    titles = ("MODEL", "COMMIT", "SIZE", "REMOVED (UTC)", "UNTIL")
    show.table(titles, rows, right=(2,), spare=("COMMIT", "REMOVED (UTC)"))
