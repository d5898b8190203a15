"""`ostler unarchive`: bring an archived model back."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.errors import UnknownModel
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.archive import names, show_plan
from ostler.settings import Settings


@click.command("unarchive")
@click.argument("model")
@click.option("--from", "place", metavar="DIR", help="Where it is; noted when it was archived.")
@click.option("--keep", is_flag=True, help="Leave the copy in the archive.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, place: str | None, keep: bool, dry_run: bool, as_json: bool
) -> None:
    """Bring MODEL back from where `ostler archive` put it; every byte is proven again.

    \b
    ostler unarchive Qwen/Qwen2.5-0.5B-Instruct
    ostler unarchive Qwen/Qwen2.5-0.5B-Instruct --from /mnt/cold --keep
    """
    from ostler.store.shelf import Shelf
    from ostler.verbs import archive

    store, ref = wiring.store(settings), parse(model)
    known = [one.at for one in archive.archived(store) if one.name == ref.name]
    if not place and not known:
        raise UnknownModel(
            f"{model} was not archived from this home.",
            hint="ostler archive --list, or name the folder with --from DIR.",
        )
    shelf = Shelf(Path(place or known[0]).expanduser().absolute())
    plan = archive.plan_back(ref, store, shelf)
    show_plan(plan, "bring back", dry_run, as_json)
    if dry_run:
        return
    how = "none" if as_json else progress.kind(as_json=False, quiet=False)
    with progress.shown(how, f"Bringing back {model}") as report:
        archive.bring_back(plan, store, shelf, keep=keep, report=report)
    journal.did_to(settings, "unarchive", plan.models, origin=str(shelf.root))
    if as_json:
        show.as_json({"restored": names(plan), "from": shelf.root, "kept_there": keep})
    else:
        show.line("It is back, every byte verified.")
