"""Copies of models elsewhere, as values: what to copy, what to drop, how two copies differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ostler.errors import ChecksumMismatch
from ostler.nouns import KeptFile, Listing, Manifest, RemoteFile

RESERVE = 2**30  # bytes that stay free at the other end, or 5 % of it where that is less
RESERVE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What a copy would write. Each content counts once. Sizes in bytes."""

    models: tuple[Manifest, ...]
    copy: tuple[KeptFile, ...]
    have: tuple[KeptFile, ...]
    free: int
    reserve: int

    @property
    def needed(self) -> int:
        return sum(file.size for file in self.copy)

    @property
    def fits(self) -> bool:
        return self.needed == 0 or self.needed <= self.free - self.reserve


def copy_plan(
    models: Iterable[Manifest], there: Mapping[str, int], disk: tuple[int, int]
) -> CopyPlan:
    """Return what of these models is not `there` ({sha256: bytes}) and must be copied."""
    chosen = tuple(models)
    contents = {file.sha256: file for one in chosen for file in one.files}
    free, total = disk
    return CopyPlan(
        models=chosen,
        copy=tuple(f for f in contents.values() if there.get(f.sha256) != f.size),
        have=tuple(f for f in contents.values() if there.get(f.sha256) == f.size),
        free=free,
        reserve=min(RESERVE, int(total * RESERVE_SHARE)),
    )


def refuse_disputed(before: Manifest | None, now: Manifest) -> None:
    """Raise ChecksumMismatch where two manifests of one commit name other bytes for a file."""
    kept = {file.path: file.sha256 for file in before.files} if before else {}
    for file in now.files:
        if kept.get(file.path, file.sha256) != file.sha256:
            raise ChecksumMismatch(
                f"{now.name} is kept here at {now.commit[:12]} with another {file.path}: "
                f"{kept[file.path]}, not {file.sha256}. Nothing was changed.",
                hint=f"ostler verify {now.name} tells whether yours is sound.",
                path=file.path,
                expected=kept[file.path],
                got=file.sha256,
            )


def expired(backups: Sequence[str], keep: int) -> tuple[str, ...]:
    """Return the backups (oldest first) beyond the newest `keep`, which is at least 1."""
    return tuple(backups[: max(0, len(backups) - max(1, keep))])


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that two copies do not have alike. `kind`: "missing", "extra" or "differs"."""

    model: str
    path: str
    kind: str
    because: str


def differences(mine: Iterable[Manifest], theirs: Iterable[Manifest]) -> tuple[Difference, ...]:
    """Compare two copies by what their manifests say, commit by commit."""
    ours = {(one.source, one.name, one.commit): one for one in mine}
    other = {(one.source, one.name, one.commit): one for one in theirs}
    found = []
    for key in sorted(ours.keys() | other.keys()):
        here = {f.path: f for f in ours[key].files} if key in ours else {}
        there = {f.path: f for f in other[key].files} if key in other else {}
        for path in sorted(here.keys() | there.keys()):
            one = _difference(f"{key[1]}@{key[2][:12]}", path, here.get(path), there.get(path))
            found += [one] if one else []
    return tuple(found)


def _difference(
    model: str, path: str, here: KeptFile | None, there: KeptFile | None
) -> Difference | None:
    if there is None:
        return Difference(model, path, "missing", "the other copy does not have it")
    if here is None:
        return Difference(model, path, "extra", "only the other copy has it")
    if here.sha256 != there.sha256:
        return Difference(model, path, "differs", f"{here.sha256} here, {there.sha256} there")
    return None


def upstream(kept: Manifest, listing: Listing) -> tuple[Difference, ...]:
    """Compare a kept commit with what its source lists for it.

    Kinds: "not pulled" (only the source has it, often by choice), "extra" (only here) and
    "differs". A small file is compared by its git id where no sha256 is listed.
    """
    model = f"{kept.name}@{kept.commit[:12]}"
    here = {file.path: file for file in kept.files}
    there = {file.path: file for file in listing.files}
    found = []
    for path in sorted(here.keys() | there.keys()):
        if path not in here:
            found.append(Difference(model, path, "not pulled", "only its source has it"))
        elif path not in there:
            found.append(Difference(model, path, "extra", "its source does not list it"))
        elif not _alike(here[path], there[path]):
            named = there[path].sha256 or there[path].git_sha1
            found.append(Difference(model, path, "differs", f"its source names {named}"))
    return tuple(found)


def _alike(here: KeptFile, there: RemoteFile) -> bool:
    if here.size != there.size:
        return False
    if there.sha256:
        return here.sha256 == there.sha256
    return here.git_sha1 is None or here.git_sha1 == there.git_sha1
