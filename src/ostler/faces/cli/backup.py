"""`ostler backup`: copy models and records to another place."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.core.sizes import counted, file_size
from ostler.errors import DamagedModel
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.archive import show_plan
from ostler.settings import Settings
from ostler.store.shelf import Shelf


@click.command("backup")
@click.argument("folder")
@click.argument("model", required=False)
@click.option("--keep", type=click.IntRange(1), metavar="N", help="Drop all but the newest N.")
@click.option("--list", "listed", is_flag=True, help="Show the backups that are there.")
@click.option("--verify", is_flag=True, help="Read the newest backup and compare its hashes.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, folder: str, model: str | None, keep: int | None, listed: bool,
    verify: bool, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Copy all models, or MODEL, and the records into FOLDER. Only what is new is copied.

    Tokens and keys are left out. A run that was interrupted goes on. `ostler restore --from
    FOLDER` brings models back. For a backup every night, run this from cron with --keep 7.

    \b
    ostler backup /mnt/backup --keep 7
    ostler backup /mnt/backup --verify
    """
    from ostler.verbs import backup

    shelf = Shelf(Path(folder).expanduser().absolute())
    if listed:
        _list(shelf, as_json)
        return
    if verify:
        _verify(shelf, as_json)
        return
    store = wiring.store(settings)
    plan = backup.plan(store, shelf, parse(model) if model else None)
    show_plan(plan, "back up", dry_run, as_json)
    if dry_run:
        return
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown("bars" if how == "bars" else "none", "Backing up") as report:
        made = backup.carry_out(plan, store, shelf, keep=keep, report=report)
    journal.did(settings, "backup", str(shelf.root), backup=made.name, bytes=made.copied)
    if as_json:
        show.as_json(made)
        return
    beside = f", with {', '.join(made.records)}" if made.records else ""
    new = f"{counted(made.models, 'model')}, {file_size(made.copied)} new"
    show.line(f"Backup {made.name}: {new}{beside}.")
    if made.dropped:
        show.line(f"Dropped {', '.join(made.dropped)}: {file_size(made.freed)} freed there.")


def _list(shelf: Shelf, as_json: bool) -> None:
    models = {name: shelf.snapshot(name).all() for name in shelf.snapshots()}
    rows = [(name, len(kept), sum(one.size for one in kept)) for name, kept in models.items()]
    if as_json:
        show.as_json([{"name": name, "models": n, "bytes": size} for name, n, size in rows])
    elif not rows:
        show.line(f"There is no backup in {shelf.root}.")
    else:
        cells = [(name, str(count), file_size(size)) for name, count, size in rows]
        show.table(("BACKUP", "MODELS", "SIZE"), cells, right=(1, 2))
        show.line(f"Together {file_size(sum(size for _, size in shelf.blobs.all()))} on the disk.")


def _verify(shelf: Shelf, as_json: bool) -> None:
    from ostler.verbs import backup

    name = backup.newest(shelf)
    how = progress.kind(as_json=False, quiet=as_json)
    with progress.shown("bars" if how == "bars" else "none", f"Reading {name}") as report:
        damages = backup.verify(shelf, name, report)
    if as_json:
        show.as_json({"backup": name, "clean": not damages, "damages": damages})
    else:
        for one in damages:
            show.line(f"  {one.path}: {one.kind}; expected {one.expected}, got {one.got}")
        if not damages:
            show.line(f"{name}: clean.")
    if damages and as_json:
        raise SystemExit(DamagedModel.exit_code)
    if damages:
        raise DamagedModel(
            f"The backup {name} is damaged: {counted(len(damages), 'file')}.",
            hint=f"Remove them under {shelf.root / 'blobs'} and run the backup again.",
        )
