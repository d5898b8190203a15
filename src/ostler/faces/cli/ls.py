"""`ostler ls`: what is kept here."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.naming import Named, served_names
from ostler.core.sizes import file_size
from ostler.faces.cli import options, show
from ostler.settings import Settings
from ostler.store import servable


@click.command("ls")
@options.as_json
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    """List the models that are kept here.

    \b
    ostler ls
    ostler ls --json
    """
    store = wiring.store(settings)
    manifests = store.manifests()
    names = served_names([(one, variant) for one in manifests for variant in servable(one)])
    if as_json:
        show.as_json([_entry(named) for named in names])
        return
    if not manifests:
        show.line("No models yet. Fetch one:")
        show.line("  ostler pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m")
        return
    show.table(
        ("MODEL", "FORMAT", "SIZE", "LICENCE", "PULLED"),
        [_row(named) for named in names],
        right=(2,),
        spare=("PULLED", "FORMAT"),
    )
    apart = [one for one in manifests if not servable(one)]
    for one in apart:
        show.line(f"{one.name}: files without whole weights; `ostler files {one.name}` lists all.")
    free, _ = store.disk()
    show.note(f"{file_size(store.used_bytes())} on disk, {file_size(free)} free.")


def _row(named: Named) -> tuple[str, ...]:
    entry = named.manifest
    return (
        named.id,
        named.variant.format.value,
        file_size(_size(named)),
        entry.licence or "unknown",
        entry.pulled_at[:10],
    )


def _size(named: Named) -> int:
    return sum(f.size for f in named.manifest.files if f.path in named.variant.files)


def _entry(named: Named) -> dict[str, object]:
    entry = named.manifest
    return {
        "id": named.id,
        "aliases": named.aliases,
        "name": entry.name,
        "variant": named.variant.name,
        "format": named.variant.format,
        "bytes": _size(named),
        "commit": entry.commit,
        "revisions": entry.revisions,
        "licence": entry.licence,
        "pulled_at": entry.pulled_at,
        "origin": entry.origin,
    }
