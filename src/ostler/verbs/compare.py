"""Hold another copy of kept models against the store: a backup, an archive, a home, a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ostler.core import copying
from ostler.core.copying import Difference
from ostler.errors import ChecksumMismatch, CorruptFile, FileNotInRepo, UsageError
from ostler.nouns import Manifest
from ostler.store.adoption.offers import below
from ostler.store.shelf import Shelf
from ostler.verbs import intake
from ostler.verbs.progress import Report, Step, Tally, silent


def compare(models: Sequence[Manifest], place: Path, report: Report = silent) -> list[Difference]:
    """Return how the copy differs; every byte of it is read. Kinds: "missing" (there), "extra",
    "differs" and "damaged" (it does not have the hash that its own manifest names).

    A plain folder is the copy of one model. Raises FileNotInRepo, UsageError.
    """
    if not place.is_dir():
        raise FileNotInRepo(f"There is no folder {place}.")
    shelf = Shelf(place)
    if shelf.exists:
        return _with_shelf(models, shelf, report)
    if len(models) != 1:
        raise UsageError(
            f"{place} is no backup, archive or home of Ostler.",
            hint="Name the one model it is a copy of: ostler verify MODEL --against DIR",
        )
    return list(_with_folder(models[0], place, report))


def _with_shelf(models: Sequence[Manifest], shelf: Shelf, report: Report) -> list[Difference]:
    backups = shelf.snapshots()
    theirs = shelf.snapshot(backups[-1]).all() if backups else shelf.models.all()
    names = {one.name for one in models}
    theirs = [one for one in theirs if one.name in names]
    tally = Tally(sum(one.size for one in theirs), report)
    found = list(copying.differences(models, theirs))
    for one in theirs:
        for file in one.files:
            try:
                intake.prove(shelf.blobs.path(file.sha256), file)
            except (ChecksumMismatch, CorruptFile) as error:
                where = f"{one.name}@{one.commit[:12]}"
                found.append(Difference(where, file.path, "damaged", error.what))
            tally.say(Step.DONE, f"{one.commit} {file.path}", file.size, file.size)
    return found


def _with_folder(model: Manifest, place: Path, report: Report) -> Iterator[Difference]:
    there = dict(below(place))
    where = f"{model.name}@{model.commit[:12]}"
    tally = Tally(model.size, report)
    for file in model.files:
        if file.path not in there:
            yield Difference(where, file.path, "missing", "the other copy does not have it")
            continue
        got = intake.digest_of(there[file.path], file).sha256
        if got != file.sha256:
            yield Difference(where, file.path, "differs", f"{file.sha256} here, {got} there")
        tally.say(Step.DONE, file.path, file.size, file.size)
    for path in sorted(there.keys() - {file.path for file in model.files}):
        yield Difference(where, path, "extra", "only the other copy has it")
