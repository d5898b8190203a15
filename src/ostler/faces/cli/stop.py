"""`ostler stop`: stop a model, or the server."""

from __future__ import annotations

import click

from ostler.errors import UsageError
from ostler.faces.cli import options, server, show
from ostler.settings import Settings


@click.command("stop")
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Stop the server and all its models.")
@click.option("--force", is_flag=True, help="Break off requests that are under way.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, everything: bool, force: bool, as_json: bool
) -> None:
    """Stop a model when its requests have ended, or the whole server.

    \b
    ostler stop Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler stop --all
    """
    if bool(model) == everything:
        raise UsageError("Name a model, or --all for the server.", hint="ostler ps")
    found = server.needed(settings)
    if everything:
        answer = server.ask(found, "POST", "/api/server/stop")
        said = "The server is stopping."
    else:
        path = server.model_path(str(model), "unload") + ("?force=true" if force else "")
        answer = server.ask(found, "POST", path)
        said = f"{answer['id']} is {answer['state']}."
        if answer["state"] == "draining":
            said += " It ends with its last request; --force ends it now."
    if as_json:
        show.as_json(answer)
    else:
        show.line(said)
