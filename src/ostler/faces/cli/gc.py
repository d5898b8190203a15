"""`ostler gc`: take away what nothing needs."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.sizes import counted, file_size
from ostler.faces.cli import journal, options, show
from ostler.settings import Settings


@click.command("gc")
@click.option(
    "--trash-days", type=options.Number(0), metavar="N",
    help="Removals older than this go; 0 empties the trash. [OSTLER_TRASH_DAYS; 7]",
)  # fmt: skip
@click.option(
    "--stale-days", type=options.Number(0), default=7.0, show_default=True, metavar="N",
    help="Unfinished downloads that got nothing for so long go.",
)  # fmt: skip
@click.option("--old-commits", is_flag=True, help="Also commits that no branch leads to.")
@click.option("--force", is_flag=True, help="Even where manifests seem to be lost.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, trash_days: float | None, stale_days: float, old_commits: bool,
    force: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Free the bytes that no model needs. Models themselves are never touched.

    Gone are contents that nothing names, unfinished downloads that nobody goes on with, and
    removals older than the trash keeps them.

    \b
    ostler gc --dry-run
    ostler gc --trash-days 0
    """
    from ostler.verbs import gc

    store = wiring.store(settings)
    days = settings.trash_days if trash_days is None else trash_days
    garbage = gc.plan(store, days, stale_days=stale_days, old_commits=old_commits, force=force)
    freed = garbage.bytes if dry_run else gc.carry_out(garbage, store, days)
    if garbage.items and not dry_run:
        what = counted(len(garbage.items), "thing")
        journal.did(settings, "gc", str(store.home), what, bytes=freed)
    if as_json:
        show.as_json({"dry_run": dry_run, "bytes": freed, "items": garbage.items})
        return
    if garbage.items:
        rows = [(i.kind, i.name, file_size(i.bytes), i.because) for i in garbage.items]
        show.table(("WHAT", "NAME", "SIZE", "WHY"), rows, right=(2,))
    show.line(f"{file_size(freed)} {'would be' if dry_run else ''} freed.".replace("  ", " "))
