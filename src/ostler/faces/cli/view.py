"""`ostler view`: a model as a folder of files."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core import layouts
from ostler.core.refs import parse
from ostler.faces.cli import options, show
from ostler.settings import Settings


@click.command("view")
@click.argument("model")
@click.option("--to", "base", metavar="DIR", help="Make the folder below DIR.")
@click.option(
    "--layout", type=click.Choice(layouts.LAYOUTS), default="name", show_default=True,
    help="DIR/name, or DIR/owner/name.",
)  # fmt: skip
@click.option("--copy", "how", flag_value="copy", help="Copies, not links into the store.")
@click.option("--hard", "how", flag_value="hard", help="Hard links; the same file system.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, base: str | None, layout: str, how: str | None, as_json: bool
) -> None:
    """Print the folder that holds MODEL's files under their own names.

    Without --to it is the one inside the store. With --to a folder of your own is made and
    brought up to date; two models are never mixed in one.

    \b
    ls "$(ostler view Qwen/Qwen2.5-0.5B-Instruct)"
    ostler view Qwen/Qwen2.5-0.5B-Instruct --to ~/models --copy
    """
    from ostler.store import plain

    store = wiring.store(settings)
    manifest = store.find(parse(model))
    if base is None:
        folder = store.folder(manifest)
    else:
        place = Path(base).expanduser().absolute() / layouts.folder(manifest.name, layout)
        folder = plain.make(place, manifest, store.blobs, how or "link")
    if as_json:
        show.as_json({"name": manifest.name, "commit": manifest.commit, "folder": folder})
    else:
        show.line(str(folder))
