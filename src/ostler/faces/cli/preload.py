"""`ostler preload`: which models are loaded at the start, and in which order."""

from __future__ import annotations

import click

from ostler.errors import UsageError
from ostler.faces.cli import options, show, wishes
from ostler.settings import Settings


@click.command("preload")
@click.argument("models", nargs=-1)
@click.option("--none", is_flag=True, help="Preload nothing.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(
    settings: Settings, models: tuple[str, ...], none: bool, dry_run: bool, as_json: bool
) -> None:
    """Show or set the models that are loaded at the start, in this order, and pinned.

    The list is written into ostler.yaml, whose comments stay. A running server follows at once.

    \b
    ostler preload
    ostler preload Qwen/Qwen2.5-0.5B-Instruct-GGUF BAAI/bge-m3
    ostler preload --none
    """
    from ostler.faces.server import edits

    if models and none:
        raise UsageError("Name models or say --none, not both.", hint="ostler preload --none")
    names = [wishes.known(settings, model) for model in models]
    if names or none:
        edit = edits.preload(names)
        wished = wishes.tell(settings, "PUT", "/api/preload", names, edit, dry_run)
    else:
        wished = wishes.in_force(settings)
    if dry_run and (names or none):
        wished["preload"] = names
    if as_json:
        show.as_json(wished)
        return
    would = "Would be preloaded" if dry_run else "Preloaded"
    listed = wished["preload"]
    show.line(
        f"{would}, in this order: {', '.join(listed)}." if listed else "Nothing is preloaded."
    )
    wishes.show_unmet(wished)
