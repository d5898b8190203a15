"""Bring back what was removed, as long as the trash holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ostler.errors import DamagedModel, UnknownModel
from ostler.nouns import Manifest, ModelRef
from ostler.store import Store
from ostler.store.trash import Thrown


def plan(store: Store, ref: ModelRef | None = None) -> Thrown:
    """Return the newest removal, or the newest of this model. Raises UnknownModel."""
    entries = store.trash.entries()
    if ref is None and entries:
        return entries[-1]
    for entry in reversed(entries):
        if ref and any(_means(ref, manifest) for manifest in entry.manifests):
            return entry
    asked = f"{ref.name} is" if ref else "There is nothing"
    raise UnknownModel(
        f"{asked} not in the trash." if ref else f"{asked} to undo: the trash is empty.",
        hint="`ostler trash` lists what can be had back; `ostler pull` fetches a model again.",
    )


def _means(ref: ModelRef, manifest: Manifest) -> bool:
    return ref.name in (manifest.name, *manifest.aliases)


def carry_out(entry: Thrown, store: Store) -> tuple[Manifest, ...]:
    """Register the models again and forget the removal.

    A branch that has led to another commit since then goes on leading there.
    Raises DamagedModel where a content is gone, Busy while a pull or a sweep runs.
    """
    absent = [
        file.path
        for manifest in entry.manifests
        for file in manifest.files
        if not store.blobs.has(file.sha256, file.size)
    ]
    if absent:
        raise DamagedModel(
            f"{absent[0]} is no longer in the store; nothing was brought back.",
            hint=f"ostler pull {entry.manifests[0].name}",
            absent=absent,
        )
    with store.alone():
        now = store.manifests()
        back = tuple(store.register(_with_free_names(one, now)) for one in entry.manifests)
        store.trash.drop(entry)
    return back


def _with_free_names(manifest: Manifest, kept: Iterable[Manifest]) -> Manifest:
    others = (one for one in kept if one.name == manifest.name and one.commit != manifest.commit)
    taken = {name for one in others for name in one.revisions}
    return replace(
        manifest, revisions=tuple(name for name in manifest.revisions if name not in taken)
    )
