"""`ostler pin`: keep a model loaded, or let go of it."""

from __future__ import annotations

import click

from ostler.faces.cli import options, server, show, wishes
from ostler.settings import Settings


@click.command("pin")
@click.argument("model")
@click.option("--off", is_flag=True, help="Let go of it: it may be evicted again.")
@options.dry_run
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str, off: bool, dry_run: bool, as_json: bool) -> None:
    """Keep a model loaded: it is loaded now and at every start, and never evicted.

    The wish is written into ostler.yaml, whose comments stay. A running server follows at once.

    \b
    ostler pin Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler pin Qwen/Qwen2.5-0.5B-Instruct-GGUF --off
    """
    from ostler.faces.server import edits

    name = wishes.known(settings, model)
    edit = edits.unpin(name, lambda one: wishes.own_name(settings, one)) if off else edits.pin(name)
    method = "DELETE" if off else "PUT"
    path = server.model_path(name, "pin")
    wished = wishes.tell(settings, method, path, None, edit, dry_run)
    if as_json:
        show.as_json(wished)
        return
    would = "would be" if dry_run else "is"
    show.line(f"{name} {would} {'no longer pinned' if off else 'pinned'}, in {wished['path']}.")
    wishes.show_unmet(wished)
