"""Move a model to another disk and back: copy, read the copy again, and only then remove.

Killed at any moment, the model is whole here, or there, or at both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ostler.core import copying, plans
from ostler.core.copying import CopyPlan
from ostler.core.sizes import file_size
from ostler.errors import ChecksumMismatch, InsufficientDisk, InUse, UnknownModel
from ostler.nouns import KeptFile, Manifest, ModelRef
from ostler.store import Store, durable
from ostler.store.shelf import Shelf
from ostler.verbs import intake
from ostler.verbs.intake import Keeps
from ostler.verbs.progress import Report, Step, Tally, silent


@dataclass(frozen=True, slots=True)
class Archived:
    """Where a model that was moved away is, as noted in `archived/`."""

    source: str
    name: str
    commit: str
    bytes: int
    at: str


def plan(
    ref: ModelRef, store: Store, shelf: Shelf, loaded: Collection[tuple[str, str]] = ()
) -> CopyPlan:
    """Return what archiving would copy. Raises UnknownModel, and InUse for what is loaded."""
    models = store.matching(ref)
    held = {commit for commit, _ in loaded}
    if any(one.commit in held for one in models):
        raise InUse(
            f"{ref.name} is loaded by the server that runs here.",
            hint=f"Stop it first (ostler stop {ref.name}), or add --force.",
        )
    return copying.copy_plan(models, dict(shelf.blobs.all()), shelf.disk())


def carry_out(plan: CopyPlan, store: Store, shelf: Shelf, report: Report = silent) -> int:
    """Move the models to the shelf; return the bytes freed here.

    Raises InsufficientDisk, ChecksumMismatch (nothing is removed then), Busy.
    """
    require_room(plan, str(shelf.root))
    with shelf.alone():
        copy_all(plan.copy, store, shelf, report)
        _read_again(plan.models, shelf, report)
        for manifest in plan.models:
            shelf.models.write(manifest)
    freed = 0
    for manifest in plan.models:
        _note(store, manifest, shelf)
        freed += store.forget(plans.removal(manifest, None, store.manifests()))
    return freed


def plan_back(ref: ModelRef, store: Store, shelf: Shelf) -> CopyPlan:
    """Return what bringing a model back would copy. Raises UnknownModel."""
    models = [
        one
        for one in shelf.models.all()
        if ref.name in (one.name, *one.aliases)
        and (ref.revision is None or ref.revision in one.revisions or _begins(one, ref.revision))
    ]
    if not models:
        raise UnknownModel(
            f"{ref} is not archived in {shelf.root}.", hint="`ostler archive --list` lists all."
        )
    return copying.copy_plan(models, dict(store.blobs.all()), store.disk())


def bring_back(
    plan: CopyPlan, store: Store, shelf: Shelf, *, keep: bool = False, report: Report = silent
) -> tuple[Manifest, ...]:
    """Copy the models back, prove them, register them, then remove them there unless `keep`.

    Raises InsufficientDisk, ChecksumMismatch (nothing is removed then), Busy.
    """
    require_room(plan, str(store.home))
    back = []
    with shelf.alone():
        for manifest in plan.models:
            with store.pulling(manifest.name):
                copy_all(_of(plan, manifest), shelf, store, report)
                if not keep:
                    _read_again([manifest], store, report)
                back.append(store.register(manifest))
        if not keep:
            for manifest in plan.models:
                shelf.models.remove(manifest)
            shelf.sweep()
    for manifest in plan.models:
        _place(store, manifest).unlink(missing_ok=True)
    return tuple(back)


def archived(store: Store) -> list[Archived]:
    """Return what was moved away from this home, by name."""
    found = [
        Archived(**json.loads(path.read_bytes()))
        for path in (store.home / "archived").glob("*.json")
    ]
    return sorted(found, key=lambda one: (one.name, one.commit))


def require_room(plan: CopyPlan, place: str) -> None:
    """Raise InsufficientDisk unless the plan fits at the other end."""
    if not plan.fits:
        raise InsufficientDisk(
            f"{file_size(plan.needed)} are to be copied, and {place} has {file_size(plan.free)} "
            f"free, of which {file_size(plan.reserve)} stay free.",
            hint="Choose another place, or make room there.",
            needed=plan.needed,
            free=plan.free,
            reserve=plan.reserve,
        )


def copy_all(
    files: Sequence[KeptFile], origin: Keeps, target: Keeps, report: Report = silent
) -> None:
    """Copy contents, each proven while it is written."""
    tally = Tally(sum(file.size for file in files), report)
    for file in files:
        said = tally.of(file.path, file.size)
        intake.copy(origin.blobs.path(file.sha256), target, file, said=said)
        tally.say(Step.DONE, file.path, file.size, file.size)


def _of(plan: CopyPlan, manifest: Manifest) -> list[KeptFile]:
    wanted = {file.sha256 for file in manifest.files}
    return [file for file in plan.copy if file.sha256 in wanted]


def _read_again(models: Sequence[Manifest], target: Keeps, report: Report) -> None:
    """Read every file of a copy from its disk, past the page cache where that can be told."""
    files = {file.sha256: file for one in models for file in one.files}
    tally = Tally(sum(file.size for file in files.values()), report)
    for file in files.values():
        place = target.blobs.path(file.sha256)
        if hasattr(os, "posix_fadvise") and place.exists():
            with open(place, "rb") as held:
                os.posix_fadvise(held.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            intake.prove(place, file, tally.of(file.path, file.size))
        except ChecksumMismatch:
            target.blobs.discard(file.sha256)  # the next run copies it anew
            raise


def _begins(manifest: Manifest, revision: str) -> bool:
    return len(revision) >= 7 and manifest.commit.startswith(revision)


def _place(store: Store, manifest: Manifest) -> Path:
    name = manifest.name.replace("/", "--")
    return store.home / "archived" / f"{manifest.source}--{name}--{manifest.commit}.json"


def _note(store: Store, manifest: Manifest, shelf: Shelf) -> None:
    note = {
        "source": manifest.source,
        "name": manifest.name,
        "commit": manifest.commit,
        "bytes": manifest.size,
        "at": str(shelf.root),
    }
    durable.write(_place(store, manifest), json.dumps(note, indent=1).encode())
