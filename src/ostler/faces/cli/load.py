"""`ostler load`: load a model before anybody asks for it."""

from __future__ import annotations

import time

import click

from ostler.core.sizes import duration, memory
from ostler.faces.cli import options, server, show
from ostler.settings import Settings


@click.command("load")
@click.argument("model")
@options.dry_run
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str, dry_run: bool, as_json: bool) -> None:
    """Load a model in the running server, and wait until it answers.

    Others that nobody uses may have to make room; what is pinned never does.

    \b
    ostler load Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler load Qwen/Qwen2.5-0.5B-Instruct-GGUF --dry-run
    """
    found = server.needed(settings)
    if dry_run or not as_json:
        expected = server.ask(found, "GET", server.model_path(model, "estimate"))
        where = " or ".join(expected["devices"])
        said = (
            f"{expected['id']} needs {memory(expected['memory_bytes'])} on {where}; "
            f"about {duration(expected['seconds'])} to load, from its bytes and the speed here."
        )
        if dry_run:
            show.as_json(expected) if as_json else show.line(said)
            return
        show.note(said)
    began = time.monotonic()
    answer = server.ask(found, "POST", server.model_path(model, "load"))
    if as_json:
        show.as_json(answer)
    else:
        took = duration(time.monotonic() - began)
        show.line(f"{answer['id']} is {answer['state']} on {answer['device']}, after {took}.")
