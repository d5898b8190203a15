"""`ostler schema`: the JSON Schema of what a command prints with --json."""

from __future__ import annotations

import click

from ostler.errors import UsageError
from ostler.faces.cli import show


@click.command("schema")
@click.argument("words", nargs=-1, metavar="[COMMAND]")
def command(words: tuple[str, ...]) -> None:
    """Print the JSON Schema of what COMMAND prints with --json; without it, which have one.

    A command that is refused prints `{"error": ...}` and ends with the refusal's own exit code.

    \b
    ostler schema
    ostler schema keys ls
    """
    from ostler.faces.cli import shapes

    known = shapes.declared()["commands"]
    name = " ".join(words)
    if not words:
        for one in known:
            show.line(one)
    elif name in known:
        show.as_json(shapes.schema(name))
    else:
        raise UsageError(
            f"`ostler {name}` has no schema of its own.", hint="`ostler schema` lists all."
        )
