"""`ostler restore`: bring models back, from the trash or from a backup."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.core.sizes import counted
from ostler.errors import UsageError
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.archive import names, show_plan
from ostler.settings import Settings


@click.command("restore")
@click.argument("model", required=False)
@click.option("--from", "place", metavar="DIR", help="A folder that `ostler backup` made.")
@click.option("--at", metavar="NAME", help="The backup of this name; without it the newest.")
@click.option("--records", is_flag=True, help="Also the records and settings, into an empty home.")
@options.dry_run
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, model: str | None, place: str | None, at: str | None, records: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Bring MODEL back from the trash, or MODEL (or all) from a backup. Every byte is proven.

    \b
    ostler restore Qwen/Qwen2.5-0.5B-Instruct
    ostler restore --from /mnt/backup
    ostler restore Qwen/Qwen2.5-0.5B-Instruct --from /mnt/backup --dry-run
    """
    settings: Settings = ctx.obj
    if place is None:
        if model is None:
            raise UsageError("Say what to restore, or from where.", hint="ostler restore --help")
        from ostler.faces.cli import undo

        ctx.invoke(undo.command, model=model, dry_run=dry_run, as_json=as_json)
        return
    from ostler.store.shelf import Shelf
    from ostler.verbs import backup, keepsakes, restore

    store, shelf = wiring.store(settings), Shelf(Path(place).expanduser().absolute())
    name = backup.newest(shelf, at)
    plan = restore.plan(store, shelf, name, parse(model) if model else None)
    show_plan(plan, "restore", dry_run, as_json)
    if dry_run:
        return
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown("bars" if how == "bars" else "none", "Restoring") as report:
        restore.carry_out(plan, store, shelf, report)
    saved = keepsakes.bring_back(shelf.records(name), store.home) if records else ()
    journal.did_to(settings, "restore", plan.models, backup=name, origin=str(shelf.root))
    if as_json:
        show.as_json({"restored": names(plan), "backup": name, "records": saved})
    else:
        beside = f" Records: {', '.join(saved)}." if saved else ""
        models = counted(len(plan.models), "model")
        show.line(f"Restored {models} from {name}, every byte verified.{beside}")
