"""Find models: those kept here first, then what the hub knows, as one list."""

from __future__ import annotations

from dataclasses import replace

from ostler.core import refs
from ostler.nouns import Found, Manifest, SearchResults
from ostler.ports import Source
from ostler.store import Store, servable


def search(
    words: str, source: Source, store: Store, *, limit: int = 20, exact: bool = False
) -> SearchResults:
    """Return up to `limit` models that have all the words in their names.

    A hub that does not answer leaves the local results and says so in `hub_error`. With
    `exact` only the model of this very name counts. Raises BadRef for words that hold a / and
    are no repository id; no hub is asked then.
    """
    if "/" in words or exact:
        words = refs.parse(words).name
    local = _local(words, store)
    remote = source.search(words, limit)
    known = {found.name: found for found in remote.results}
    merged = [_merged(found, known.get(found.name)) for found in local.values()]
    merged += [found for found in remote.results if found.name not in local]
    if exact:
        merged = [found for found in merged if found.name.lower() == words.lower()]
    return replace(remote, results=tuple(merged[:limit]))


def _local(words: str, store: Store) -> dict[str, Found]:
    """Return the kept models by name, the commits of one repository as one."""
    kept: dict[str, list[Manifest]] = {}
    for manifest in store.manifests():
        if all(word in manifest.name.lower() for word in words.lower().split()):
            kept.setdefault(manifest.name, []).append(manifest)
    return {name: _found(name, manifests) for name, manifests in kept.items()}


def _found(name: str, manifests: list[Manifest]) -> Found:
    files = {file.sha256: file.size for manifest in manifests for file in manifest.files}
    formats = {one.format.value for manifest in manifests for one in servable(manifest)}
    newest = manifests[-1]
    return Found(
        name=name,
        local=True,
        formats=tuple(sorted(formats)),
        size=sum(files.values()),
        licence=newest.licence,
        task=newest.task,
    )


def _merged(local: Found, remote: Found | None) -> Found:
    if remote is None:
        return local
    return replace(
        local,
        gated=remote.gated,
        downloads=remote.downloads,
        licence=remote.licence or local.licence,
        task=remote.task or local.task,
    )
