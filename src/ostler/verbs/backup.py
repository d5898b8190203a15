"""Copy models and records to another place, again and again, only what is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ostler.core import copying
from ostler.core.copying import CopyPlan
from ostler.errors import CorruptFile, OstlerError
from ostler.nouns import Damage, ModelRef
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import intake, keepsakes
from ostler.verbs.archive import copy_all, require_room
from ostler.verbs.progress import Report, Step, Tally, silent


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    name: str
    models: int
    copied: int  # bytes
    records: tuple[str, ...]
    dropped: tuple[str, ...]  # older backups beyond those kept
    freed: int  # bytes


def plan(store: Store, shelf: Shelf, ref: ModelRef | None = None) -> CopyPlan:
    """Return what a backup of all models, or of one, would copy.

    A backup of one model carries over what the newest backup has of the others, so that each
    backup stands for itself. Raises UnknownModel.
    """
    chosen = store.matching(ref) if ref else store.manifests()
    names = {one.name for one in chosen}
    before = shelf.snapshots()
    others = shelf.snapshot(before[-1]).all() if ref and before else []
    carried = [one for one in others if one.name not in names]
    return copying.copy_plan([*carried, *chosen], dict(shelf.blobs.all()), shelf.disk())


def carry_out(
    plan: CopyPlan, store: Store, shelf: Shelf, *, keep: int | None = None, report: Report = silent
) -> Made:
    """Copy what is new, name the backup last, then drop all but the newest `keep`.

    What an interrupted run has copied is not copied again.
    Raises InsufficientDisk before the first byte, ChecksumMismatch, Busy.
    """
    require_room(plan, str(shelf.root))
    with shelf.alone():
        copy_all(plan.copy, store, shelf, report)
        draft = shelf.draft()
        for manifest in plan.models:
            shelf.at(draft).write(manifest)
        records = keepsakes.save(store.home, draft / "records")
        name = shelf.commit(draft, datetime.now(UTC))
        dropped = copying.expired(shelf.snapshots(), keep) if keep else ()
        freed = shelf.drop(dropped) if dropped else 0
    return Made(name, len(plan.models), plan.needed, records, dropped, freed)


def verify(shelf: Shelf, name: str, report: Report = silent) -> tuple[Damage, ...]:
    """Read every file of a backup and compare its hash."""
    files = {file.sha256: file for one in shelf.snapshot(name).all() for file in one.files}
    tally = Tally(sum(file.size for file in files.values()), report)
    found = []
    for file in files.values():
        try:
            intake.prove(shelf.blobs.path(file.sha256), file)
        except CorruptFile as error:
            found.append(Damage(file.path, "missing", f"sha256 {file.sha256}", error.what))
        except OstlerError as error:
            found.append(Damage(file.path, "hash", file.sha256, str(error.facts.get("got"))))
        tally.say(Step.DONE, file.path, file.size, file.size)
    return tuple(found)


def newest(shelf: Shelf, at: str | None = None) -> str:
    """Return the name of a backup: the newest, or the one that is asked for. Raises CorruptFile."""
    names = shelf.snapshots()
    if not names or (at and at not in names):
        raise CorruptFile(
            f"{shelf.root} holds no backup{f' {at}' if at else ''}.",
            hint=f"It has: {', '.join(names)}." if names else f"ostler backup {shelf.root}",
        )
    return at or names[-1]
