"""Bring models back from a backup; every byte is proven before it is kept."""

from __future__ import annotations

from dataclasses import replace

from ostler.core import copying, quants
from ostler.core.copying import CopyPlan
from ostler.errors import UnknownModel
from ostler.nouns import Manifest, ModelRef
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs.archive import copy_all, require_room
from ostler.verbs.progress import Report, silent


def plan(store: Store, shelf: Shelf, name: str, ref: ModelRef | None = None) -> CopyPlan:
    """Return what a restore of all models, or one, or one variant, would copy.

    Raises UnknownModel, QuantizationNotFound.
    """
    models = shelf.snapshot(name).all()
    if ref:
        models = [_part(one, ref.variant) for one in models if _means(ref, one)]
        if not models:
            raise UnknownModel(
                f"{ref} is not in the backup {name}.", hint=f"ostler backup {shelf.root} --list"
            )
    return copying.copy_plan(models, dict(store.blobs.all()), store.disk())


def carry_out(
    plan: CopyPlan, store: Store, shelf: Shelf, report: Report = silent
) -> tuple[Manifest, ...]:
    """Copy what is missing and register the models.

    Raises InsufficientDisk before the first byte, ChecksumMismatch; what was proven stays.
    """
    require_room(plan, str(store.home))
    back = []
    for manifest in plan.models:
        wanted = {file.sha256 for file in manifest.files}
        with store.pulling(manifest.name):
            copy_all([f for f in plan.copy if f.sha256 in wanted], shelf, store, report)
            back.append(store.register(manifest))
    return tuple(back)


def _means(ref: ModelRef, manifest: Manifest) -> bool:
    same = ref.name in (manifest.name, *manifest.aliases)
    at = ref.revision
    return same and (at is None or at in manifest.revisions or manifest.commit.startswith(at))


def _part(manifest: Manifest, variant: str | None) -> Manifest:
    """Return the manifest with one variant's weights alone, and all that is not weights."""
    if variant is None:
        return manifest
    choices = quants.variants(file.path for file in manifest.files)
    chosen, _ = quants.choose([one for one in choices if not one.missing], variant)
    weights = {path for one in choices for path in one.files}
    files = [f for f in manifest.files if f.path not in weights or f.path in chosen.files]
    return replace(manifest, files=tuple(files))
