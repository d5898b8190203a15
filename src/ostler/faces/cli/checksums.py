"""`ostler checksums`: every file's hash, for `sha256sum -c`."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.faces.cli import options, show
from ostler.settings import Settings


@click.command("checksums")
@click.argument("model")
@click.option("--absolute", is_flag=True, help="Absolute paths into the store: checks anywhere.")
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str, absolute: bool, as_json: bool) -> None:
    """Print the sha256 of every file of MODEL, as `sha256sum -c` reads it.

    Paths are relative to the model's folder, as in the repository.

    \b
    ostler checksums Qwen/Qwen2.5-0.5B-Instruct > checksums.txt
    ostler checksums Qwen/Qwen2.5-0.5B-Instruct --absolute | sha256sum -c
    """
    store = wiring.store(settings)
    manifest = store.find(parse(model))
    base = f"{store.folder(manifest)}/" if absolute else ""
    if as_json:
        show.as_json({base + file.path: file.sha256 for file in manifest.files})
        return
    for file in manifest.files:
        show.line(f"{file.sha256}  {base}{file.path}")
