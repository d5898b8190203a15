"""`ostler export lamini`: models that are kept here, as a Lamini of your own is told of them."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core import lamini
from ostler.errors import UsageError
from ostler.exporters import lamini as exporter
from ostler.faces.cli import needed, options, show, writing
from ostler.nouns import Format, Task
from ostler.settings import Settings

LISTED, PODS = "llama_config.yaml", "helm_config.yaml"


@click.command("lamini")
@click.argument("models", nargs=-1, required=True)
@click.option("--gpu", metavar="NAME|SIZE", help="A pod's GPU, such as a6000 or 48GB.")
@click.option("--helm", is_flag=True, help=f"Print the part of {PODS}, with the pods to have.")
@options.context
@click.option("--out", "-o", type=click.Path(path_type=Path), metavar="DIR",
              help=f"Write {LISTED} and {PODS} there.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.pass_obj
def command(
    settings: Settings, models: tuple[str, ...], gpu: str | None, helm: bool, context: int | None,
    out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Write the preload list for MODELs, and how many pods of each kind hold them.

    For files that you have already, `ostler lamini` changes only what is to change.

    \b
    ostler export lamini meta-llama/Llama-3.1-8B-Instruct BAAI/bge-m3 --gpu a6000 -o lamini
    """
    if (helm or out) and not gpu:
        raise UsageError(
            "How many pods there must be depends on their GPUs.", hint="--gpu a6000, or --gpu 48GB"
        )
    names, embedders = _named(settings, models)
    listed = exporter.preload_list(names)
    if not gpu:
        writing.one(listed, None, force)
        return
    budget = lamini.Budget(needed.needs(settings, names, context), 1, needed.room_of(gpu))
    counts = lamini.pods_for(budget, embedders)
    fitting = lamini.Budget(budget.needs, counts["batch"], budget.room)
    pods = exporter.pods(counts, fitting.warnings())
    if out:
        writing.several({LISTED: listed, PODS: pods}, out, force)
    else:
        writing.one(pods if helm else listed, None, force)
    for text in fitting.warnings():
        show.note(f"Warning: {text}")


def _named(settings: Settings, models: tuple[str, ...]) -> tuple[list[str], int]:
    """The repositories, each once, and how many of them embed. Raises UsageError for GGUF."""
    names: list[str] = []
    embedders = 0
    for text in models:
        named = wiring.named(settings, text)
        if named.variant.format is Format.GGUF:
            raise UsageError(
                f"{named.id} is GGUF, and Lamini loads Transformers models by their names.",
                hint="Name the repository that it was made from.",
            )
        facts = needed.kept(settings, named.id)
        embedders += facts is not None and facts.task is not Task.CHAT
        names.append(named.manifest.name)
    return list(dict.fromkeys(names)), embedders
