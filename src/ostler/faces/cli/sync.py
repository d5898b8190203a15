"""`ostler sync`: wishes, files and what runs, brought into line."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.core.drift import Difference
from ostler.core.sizes import counted
from ostler.errors import Drift
from ostler.faces.cli import journal, options, show, syncing
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings
from ostler.verbs import editing


@click.command("sync")
@click.option("--check", is_flag=True, help="Only say what is not in sync, and end with 1 then.")
@click.option("-f", "--file", "paths", multiple=True, metavar="FILE",
              type=click.Path(dir_okay=False, path_type=Path),
              help="A Compose file to look at too; may be repeated.")  # fmt: skip
@click.option("--prune", is_flag=True, help="Take out services whose model is not kept here.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, check: bool, paths: tuple[Path, ...], prune: bool, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Compare what you wish, what was written into files, and what runs; bring it into line.

    Files that `ostler export` wrote with --out or --into are written again where they would be
    other now, or are gone. The diff is shown first, and a copy of each kept. What only you can
    decide is listed with the command for it. Ends with 1 while something is not in sync.

    \b
    ostler sync --check
    ostler sync --dry-run
    ostler sync --check -f docker-compose.yml
    """
    with waiting("Comparing"):
        before = syncing.look(settings, paths)
    if check:
        _report(before.differences, as_json)
        if before.differences:
            raise SystemExit(Drift.exit_code)
        return
    changes = syncing.changes(before, prune=prune)
    copies = []
    for change, one in changes:
        if not as_json and change.changes:
            show.line(change.diff.rstrip("\n"))
        if dry_run:
            continue
        kept = editing.carry_out(change)
        copies += [kept] if kept else []
        if one:
            syncing.keep(settings, one)
    if changes and not dry_run:
        journal.did(
            settings, "sync", counted(len(changes), "file"), files=[str(c.path) for c, _ in changes]
        )
    after = before if dry_run else syncing.look(settings, paths)
    _report(
        after.differences,
        as_json,
        changes=[c for c, _ in changes],
        copies=copies,
        wrote=not dry_run,
    )
    if not as_json:
        for path in copies:
            show.note(f"The file as it was: {path}")
    if after.differences:
        raise SystemExit(Drift.exit_code)


def _report(
    found: tuple[Difference, ...], as_json: bool, *, changes: list[editing.Change] | None = None,
    copies: list[Path] | None = None, wrote: bool = False,
) -> None:  # fmt: skip
    if as_json:
        rows = [
            {
                "kind": one.kind,
                "where": one.where,
                "what": one.what,
                "fix": one.fix or "ostler sync",
            }
            for one in found
        ]
        diffs = [one.diff for one in changes or ()]
        show.as_json({"in_sync": not found, "differences": rows, "wrote": wrote and bool(diffs),
                      "diff": "".join(diffs), "copies": copies or []})  # fmt: skip
        return
    for one in found:
        show.line(f"{one.where}: {one.what}")
        show.line(f"  {one.fix or 'ostler sync'}")
    if not found:
        show.line("In sync: wishes, files and what runs say the same.")
