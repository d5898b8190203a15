"""`ostler du`: what the kept models take."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.sizes import file_size
from ostler.faces.cli import options, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings

SPARE = ("COMMIT", "FILES")  # columns that go where the room is too little


@click.command("du")
@options.as_json
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """Show what each model takes, what models share, and what is free.

    FILES counts every file; DISK counts a content once, however many files have it; OWN is what
    removing the model would free. Warns below OSTLER_DISK_WARN_GB (50) of free room, and again
    below OSTLER_DISK_CRITICAL_GB (20).

    \b
    ostler du
    ostler du --json
    """
    from ostler.verbs.usage import measure

    with waiting("Adding up"):
        used = measure(wiring.store(settings), settings.disk_warn_gb, settings.disk_critical_gb)
    if as_json:
        show.as_json(used)
        return
    rows = [
        (s.name, s.commit[:12], file_size(s.logical), file_size(s.physical), file_size(s.own))
        for s in used.shares
    ]
    if rows:
        show.table(("MODEL", "COMMIT", "FILES", "DISK", "OWN"), rows, right=(2, 3, 4), spare=SPARE)
    parts = [
        ("models", f"{file_size(used.logical)} of files in {file_size(used.physical)}"),
        ("trash", f"{file_size(used.trash)}; ostler gc --trash-days 0 frees it"),
        ("unnamed", f"{file_size(used.unnamed)}; ostler gc frees it"),
        ("unfinished", f"{file_size(used.unfinished)}; pull again to go on"),
    ]
    amounts = {"trash": used.trash, "unnamed": used.unnamed, "unfinished": used.unfinished}
    show.pairs([one for one in parts if amounts.get(one[0], 1)])
    show.line(f"All of {settings.home}: {file_size(used.home)}.")
    looks = {"critical": "red", "warning": "yellow"}.get(used.state)
    show.line(show.style(used.advice, fg=looks) if looks else used.advice)
