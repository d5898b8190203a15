"""How commands prove what is kept and mend what is damaged: `verify --repair`, `pull --repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostler.core.sizes import file_size
from ostler.errors import UnknownModel
from ostler.faces.cli import progress, show
from ostler.nouns import Damage, Manifest, ModelRef
from ostler.store import Store

if TYPE_CHECKING:
    from ostler.ports import Source


def verified(store: Store, manifest: Manifest, how: str) -> tuple[Damage, ...]:
    """Read a model again, showing how far it is; what is wrong is not served until it is mended."""
    from ostler.verbs.verify import verify

    with progress.shown(how, manifest.name) as report:
        damages = verify(store, manifest, report)
    wrong = {one.path for one in damages if one.kind in ("hash", "size", "unreadable")}
    store.damage.found(file.sha256 for file in manifest.files if file.path in wrong)
    return damages


def mended(
    store: Store, manifest: Manifest, damages: tuple[Damage, ...], source: Source, how: str
) -> tuple[Damage, ...]:
    """Mend what can be, say what was fetched, and return what is still wrong."""
    from ostler.verbs import repair

    files = repair.plan(manifest, damages)
    with progress.shown(how, f"Repairing {manifest.name}") as report:
        done = repair.carry_out(manifest, files, source, store, report=report)
    for one in done if how in ("bars", "lines") else ():
        what = f"{len(one.blocks)} of its blocks" if one.blocks else "the whole file"
        show.note(f"  {one.path}: mended; {what} fetched again, {file_size(one.fetched)}")
    gone = {one.path for one in done}
    return tuple(one for one in damages if one.path not in gone)


def kept(ref: ModelRef, source: Source, store: Store, how: str) -> None:
    """Prove and mend what is kept of a model, if anything is."""
    try:
        manifests = store.matching(ref)
    except UnknownModel:
        return
    bars = "bars" if how == "bars" else "none"
    for manifest in manifests:
        if damages := verified(store, manifest, bars):
            mended(store, manifest, damages, source, how)
