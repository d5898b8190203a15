"""`ostler archive`: move a model to another disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ostler import wiring
from ostler.core.copying import CopyPlan
from ostler.core.refs import parse
from ostler.core.sizes import counted, file_size
from ostler.errors import UsageError
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.loaded import loaded
from ostler.settings import Settings


@click.command("archive")
@click.argument("model", required=False)
@click.option("--to", "place", metavar="DIR", help="The folder on the other disk.")
@click.option("--list", "listed", is_flag=True, help="Show what was archived, and where.")
@click.option("--force", is_flag=True, help="Even while the server has it loaded.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, place: str | None, listed: bool, force: bool,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Move MODEL to another disk: copied, read there once more, and only then removed here.

    It may be killed at any moment and run again. `ostler unarchive` brings it back.

    \b
    ostler archive Qwen/Qwen2.5-0.5B-Instruct --to /mnt/cold
    ostler archive --list
    """
    from ostler.store.shelf import Shelf
    from ostler.verbs import archive

    store = wiring.store(settings)
    if listed or model is None:
        _list(archive.archived(store), as_json)
        return
    if place is None:
        raise UsageError("Say where to.", hint=f"ostler archive {model} --to /mnt/cold")
    shelf = Shelf(Path(place).expanduser().absolute())
    plan = archive.plan(parse(model), store, shelf, () if force else loaded(settings))
    show_plan(plan, "archive", dry_run, as_json)
    if dry_run:
        return
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown(how, f"Archiving {model}") as report:
        freed = archive.carry_out(plan, store, shelf, report)
    journal.did_to(settings, "archive", plan.models, to=str(shelf.root))
    if as_json:
        show.as_json({"archived": names(plan), "to": shelf.root, "freed_bytes": freed})
    else:
        show.line(f"Moved to {shelf.root} and proven there. {file_size(freed)} freed here.")


def names(plan: CopyPlan) -> list[dict[str, str]]:
    """The models of a plan, for JSON."""
    return [{"name": one.name, "commit": one.commit} for one in plan.models]


def show_plan(plan: CopyPlan, doing: str, dry_run: bool, as_json: bool) -> None:
    """Say what would be copied; the whole of it in a dry run."""
    if as_json and dry_run:
        show.as_json(
            {
                "dry_run": True,
                "models": names(plan),
                "copy_bytes": plan.needed,
                "have_bytes": sum(file.size for file in plan.have),
                "free_bytes": plan.free,
                "reserve_bytes": plan.reserve,
                "fits": plan.fits,
            }
        )
    elif not as_json:
        for one in plan.models:
            show.line(f"{one.name} at {one.commit[:12]}: {counted(len(one.files), 'file')}.")
        have = file_size(sum(file.size for file in plan.have))
        show.line(
            f"To {doing}: {file_size(plan.needed)} to copy, {have} are there; "
            f"{file_size(plan.free)} free at the other end{'' if plan.fits else ': too little'}."
        )


def _list(found: Sequence[object], as_json: bool) -> None:
    if as_json:
        show.as_json(found)
    elif not found:
        show.line("Nothing is archived.")
    else:
        rows = [show.plain(one) for one in found]
        show.table(
            ("MODEL", "COMMIT", "SIZE", "AT"),
            [(r["name"], r["commit"][:12], file_size(r["bytes"]), r["at"]) for r in rows],
            right=(2,),
            spare=("COMMIT",),
        )
