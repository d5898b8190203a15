"""`ostler undo`: bring back what was removed."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.core.sizes import file_size
from ostler.faces.cli import journal, options, show
from ostler.settings import Settings


@click.command("undo")
@click.argument("model", required=False)
@options.dry_run
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str | None, dry_run: bool, as_json: bool) -> None:
    """Take back the last `ostler rm`, or the last one of MODEL.

    With the model comes back what ostler.yaml said of it, with its comments. Where the file names
    the model again, what it says there stays.

    \b
    ostler undo
    ostler undo Qwen/Qwen2.5-0.5B-Instruct-GGUF
    """
    from ostler.faces.cli import returning
    from ostler.verbs import undo

    store = wiring.store(settings)
    entry = undo.plan(store, parse(model) if model else None)
    wished, back = returning.plan(settings, entry), entry.manifests
    if not dry_run:
        back = undo.carry_out(entry, store)
        wished = returning.carry_out(wished)
        journal.did_to(settings, "undo", back)
    if as_json:
        show.as_json(
            {
                "restored": not dry_run,
                "models": [{"name": one.name, "commit": one.commit} for one in back],
                **wished.said,
            }
        )
        return
    for one in back:
        verb = "would come back" if dry_run else "is back"
        size = file_size(next(m.size for m in entry.manifests if m.commit == one.commit))
        show.line(f"{one.name} at {one.commit[:12]} {verb} ({size}).")
    if wished.change and wished.changes:
        show.line(wished.change.diff.rstrip("\n"))
    for note in wished.notes:
        show.note(note)
