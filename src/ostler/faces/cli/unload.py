"""`ostler unload`: stop a model and free its memory."""

from __future__ import annotations

import click

from ostler.faces.cli import options, server, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings


@click.command("unload")
@click.argument("model")
@click.option("--force", is_flag=True, help="Break off requests that are under way.")
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str, force: bool, as_json: bool) -> None:
    """Stop a model when its requests have ended; it stays kept, and a request loads it again.

    \b
    ostler unload Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler unload Qwen/Qwen2.5-0.5B-Instruct-GGUF --force
    """
    path = server.model_path(model, "unload") + ("?force=true" if force else "")
    found = server.needed(settings)
    with waiting(f"Unloading {model}"):
        answer = server.ask(found, "POST", path)
    if as_json:
        show.as_json(answer)
        return
    show.line(f"{answer['id']} is {answer['state']}.")
    if answer["state"] == "draining":
        show.line("It ends with its last request; --force ends it now.")
