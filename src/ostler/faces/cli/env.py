"""`ostler env`: what other programs need to find the kept models."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ostler import wiring
from ostler.core import layouts
from ostler.faces.cli import options, show
from ostler.settings import Settings
from ostler.store import Store


@click.command("env")
@click.option("--hub-cache", is_flag=True, help="Print only the Hugging Face cache's path.")
@click.option("--plain", is_flag=True, help="Make a folder for each model; print their base.")
@options.as_json
@click.pass_obj
def command(settings: Settings, hub_cache: bool, plain: bool, as_json: bool) -> None:
    """Print the variables with which other programs find what is kept here, offline.

    transformers, vLLM, `hf` and llama.cpp read HF_HUB_CACHE. With --plain there is also a folder
    <base>/<name> for each model; where two share a name, <base>/<owner>--<name>.

    \b
    eval "$(ostler env)"
    HF_HUB_CACHE="$(ostler env --hub-cache)" HF_HUB_OFFLINE=1 hf cache ls
    ls "$(ostler env --plain)"
    """
    store = wiring.store(settings)
    for manifest in store.manifests():
        store.folder(manifest)
    base = _plain(store) if plain else None
    if as_json:
        show.as_json(_variables(store) | ({"MODEL_BASE_PATH": base} if base else {}))
    elif base or hub_cache:
        show.line(str(base or store.hub_cache))
    else:
        for name, value in _variables(store).items():
            show.line(f"export {name}={shlex.quote(value)}")


def _variables(store: Store) -> dict[str, str]:
    return {"HF_HUB_CACHE": str(store.hub_cache), "HF_HUB_OFFLINE": "1"}


def _plain(store: Store) -> Path:
    """Bring `views/plain` in line with what is kept; the newest commit of each model counts."""
    from ostler.core.refs import parse
    from ostler.store import plain

    base = store.hub_cache.parent / "plain"
    names = layouts.folders(one.name for one in store.manifests())
    for entry in base.iterdir() if base.exists() else ():
        if entry.name not in names.values():
            plain.remove(entry)
    for name, folder in names.items():
        plain.make(base / folder, store.find(parse(name)), store.blobs)
    return base
