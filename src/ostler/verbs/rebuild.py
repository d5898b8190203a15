"""Make lost manifests anew from what is left: the view's names, the contents, the READMEs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ostler.core import hashes, rebuilding
from ostler.core.rebuilding import Named, Recovered
from ostler.errors import ChecksumMismatch, CorruptFile
from ostler.nouns import Manifest
from ostler.store import Store, durable
from ostler.verbs import intake
from ostler.verbs.progress import Report, Step, Tally, silent
from ostler.version import __version__

PREFIX = 64 * 1024  # bytes; a GGUF file names itself within the first kilobytes
LARGEST_CARD = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A content that nothing leads to, and what it seems to be."""

    sha256: str
    bytes: int
    what: str


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What would be made anew, what would be set aside, and what stays without a name."""

    sound: tuple[Manifest, ...]  # these have their manifests; their views are made anew
    lost: tuple[Recovered, ...]
    damaged: tuple[Path, ...]
    unnamed: tuple[Unnamed, ...]


def plan(store: Store) -> Rebuilding:
    """Return what can be made anew. Nothing is changed and no weights are read."""
    sound, damaged = _manifests(store)
    known = {(one.name, one.commit) for one in sound}
    git = _git_names(store)
    lost = tuple(
        _recovered(store, name, folder, git)
        for name, folder in _snapshots(store)
        if (name, folder.name) not in known
    )
    named = [*sound, *(one.manifest for one in lost), *store.trash.manifests()]
    shas = {file.sha256 for one in named for file in one.files}
    unnamed = tuple(
        Unnamed(sha256, size, _kind(store.blob_path(sha256), size))
        for sha256, size in store.blobs.all()
        if sha256 not in shas
    )
    return Rebuilding(tuple(sound), lost, tuple(damaged), unnamed)


def carry_out(plan: Rebuilding, store: Store, report: Report = silent) -> tuple[Recovered, ...]:
    """Set damaged manifests aside, prove what is left of each lost model, register it.

    Returns the models with what of them is gone; one of which nothing is left is not registered.
    """
    for path in plan.damaged:
        durable.rename(path, path.with_name(f"{path.name}.damaged"))
    tally = Tally(sum(one.manifest.size for one in plan.lost), report)
    back = []
    for one in plan.lost:
        proven = _proven(one, store, tally)
        back.append(proven)
        if proven.manifest.files:
            store.register(proven.manifest)
    for manifest in plan.sound:
        store.folder(manifest)
    return tuple(back)


def lost(store: Store) -> list[str]:
    """Return the models that the view names and no manifest does."""
    known = {(one.name, one.commit) for one in store.manifests()}
    return [name for name, folder in _snapshots(store) if (name, folder.name) not in known]


def _manifests(store: Store) -> tuple[list[Manifest], list[Path]]:
    sound: list[Manifest] = []
    damaged: list[Path] = []
    for path in sorted((store.home / "models").glob("*/*/*/*.json")):
        source, owner, name = path.parts[-4:-1]
        if not hashes.COMMIT.fullmatch(path.stem):
            continue
        try:
            manifest = store.get(source, f"{owner}/{name}", path.stem)
        except CorruptFile as error:
            damaged.append(Path(str(error.facts.get("path", path))))
        else:
            sound += [manifest] if manifest else []
    return sound, sorted(set(damaged))


def _snapshots(store: Store) -> Iterator[tuple[str, Path]]:
    """Yield (owner/name, folder of one commit) of every model in the view."""
    for repo in sorted(store.hub_cache.glob("models--*")):
        name = rebuilding.repository(repo.name)
        for folder in sorted((repo / "snapshots").glob("*")) if name else ():
            if name and hashes.COMMIT.fullmatch(folder.name) and any(_links(folder)):
                yield name, folder


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, sha256) of every link into the contents."""
    for link in sorted(folder.rglob("*")):
        if link.is_symlink():
            sha256 = os.path.basename(os.readlink(link))
            if hashes.SHA256.fullmatch(sha256):
                yield link.relative_to(folder).as_posix(), sha256


def _recovered(store: Store, name: str, folder: Path, git: dict[str, str]) -> Recovered:
    refs = folder.parent.parent / "refs"
    revisions = [
        ref.relative_to(refs).as_posix()
        for ref in sorted(refs.rglob("*"))
        if ref.is_file() and ref.read_text(errors="replace").strip() == folder.name
    ]
    names = [
        Named(path, sha256, _size(store, sha256), git.get(sha256))
        for path, sha256 in _links(folder)
    ]
    return rebuilding.recovered(
        name,
        folder.name,
        names,
        revisions=tuple(revisions),
        card=_card(folder / "README.md"),
        at=datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds"),
        tool=f"ostler {__version__} rebuild",
    )


def _size(store: Store, sha256: str) -> int | None:
    place = store.blob_path(sha256)
    return place.stat().st_size if place.is_file() else None


def _card(place: Path) -> str:
    if not place.is_file() or place.stat().st_size > LARGEST_CARD:
        return ""
    return place.read_text(encoding="utf-8", errors="replace")


def _git_names(store: Store) -> dict[str, str]:
    """Return {sha256: git blob id} as the store's links have it."""
    return {
        os.path.basename(os.readlink(link)): link.name
        for link in store.blobs.by_git_sha1.glob("*/*")
        if link.is_symlink()
    }


def _proven(one: Recovered, store: Store, tally: Tally) -> Recovered:
    files, bad = [], []
    for file in one.manifest.files:
        try:
            files.append(intake.prove(store.blob_path(file.sha256), file))
        except (ChecksumMismatch, CorruptFile):
            bad.append(file.path)
        tally.say(Step.DONE, f"{one.manifest.commit} {file.path}", file.size, file.size)
    manifest = replace(one.manifest, files=tuple(files))
    return replace(one, manifest=manifest, gone=(*one.gone, *bad))


def _kind(place: Path, size: int) -> str:
    with open(place, "rb") as file:
        return rebuilding.kind(file.read(PREFIX), size)
