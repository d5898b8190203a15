"""`ostler files`: a repository's files, sizes and quantizations."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core import quants
from ostler.core.refs import parse
from ostler.core.sizes import file_size
from ostler.errors import UnknownModel
from ostler.faces.cli import options, show
from ostler.faces.cli.waiting import waiting
from ostler.nouns import ModelRef
from ostler.settings import Settings

Entry = tuple[str, int]  # path, bytes


@click.command("files")
@click.argument("model")
@options.endpoint
@click.option("--here", is_flag=True, help="Only what is kept here; ask no hub.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, endpoint: str | None, here: bool, as_json: bool
) -> None:
    """List a repository's files, and the quantizations to choose from.

    \b
    ostler files Qwen/Qwen2.5-0.5B-Instruct-GGUF
    ostler files Qwen/Qwen2.5-0.5B-Instruct-GGUF --here
    """
    ref = parse(model)
    commit, entries = _kept(settings, ref) if here else _listed(settings, ref, endpoint)
    choices = quants.variants(path for path, _ in entries)
    owner = {path: one.name for one in choices for path in one.files}
    if as_json:
        rows = [{"path": p, "bytes": n, "variant": owner.get(p)} for p, n in entries]
        show.as_json({"name": ref.name, "commit": commit, "files": rows, "variants": choices})
        return
    show.heading(f"{ref.name} at {commit[:12]}")
    show.table(
        ("FILE", "SIZE", "VARIANT"),
        [(path, file_size(size), owner.get(path, "")) for path, size in entries],
        right=(1,),
    )
    for one in choices:
        if one.missing:
            show.line(f"{one.name} is incomplete: {', '.join(one.missing)} is not there.")
    if choices and not here:
        show.note(f"Fetch one: ostler pull {ref.name}#{choices[0].name}")


def _listed(settings: Settings, ref: ModelRef, endpoint: str | None) -> tuple[str, list[Entry]]:
    with waiting("Asking the hub"):
        listing = wiring.source(settings, endpoint, ref).listing(ref)
    return listing.commit, [(f.path, f.size) for f in sorted(listing.files, key=lambda f: f.path)]


def _kept(settings: Settings, ref: ModelRef) -> tuple[str, list[Entry]]:
    manifest = wiring.store(settings).find(ref)
    if not manifest.files:
        raise UnknownModel(f"{ref} is not kept here.", hint="ostler ls")
    return manifest.commit, [(file.path, file.size) for file in manifest.files]
