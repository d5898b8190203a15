"""The store: blobs, manifests and views under one folder, as one thing to ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core import quants
from ostler.errors import Busy, UnknownModel, UsageError
from ostler.nouns import KeptFile, Manifest, ModelRef, Variant
from ostler.store import durable, locks
from ostler.store.blobs import Blobs
from ostler.store.manifests import Manifests
from ostler.store.partial import Partials
from ostler.store.views import Views

if TYPE_CHECKING:
    from ostler.nouns import RemoteFile, Removal
    from ostler.store.damage import Damage
    from ostler.store.downloads import Downloads
    from ostler.store.jobs import Jobs
    from ostler.store.lookout import Lookout
    from ostler.store.trash import Trash

SHORTEST_COMMIT = 7  # hexadecimal digits; what git itself prints


class Store:
    """The models kept under one home folder. Asking writes nothing; the folder may be absent."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.blobs = Blobs(home / "blobs")
        self.partials = Partials(home / "partial")
        self._manifests = Manifests(home / "models")
        self._views = Views(home / "views" / "hub", self.blobs)

    # --- asking ---------------------------------------------------------------------------

    def manifests(self) -> list[Manifest]:
        """Return every model kept here, by name, then oldest first. Raises CorruptFile."""
        return self._manifests.all()

    def lookout(self) -> Lookout:
        """Return what looks at the manifests again and again, for next to nothing."""
        from ostler.store.lookout import Lookout

        return Lookout(self.home / "models")

    def get(self, source: str, name: str, commit: str) -> Manifest | None:
        """Return what is kept of one commit; None where nothing is."""
        return self._manifests.get(source, name, commit)

    def models(self) -> list[tuple[Manifest, Variant]]:
        """Return each complete variant of each model kept here."""
        return [(manifest, one) for manifest in self.manifests() for one in servable(manifest)]

    def matching(self, ref: ModelRef) -> list[Manifest]:
        """Return every commit kept of the model a reference means, oldest first.

        Former names of a repository count. Raises UnknownModel with close matches.
        """
        known = self.manifests()
        same = [one for one in known if ref.name == one.name or ref.name in one.aliases]
        own = [one for one in same if one.source == ref.source]
        same = own or (same if ref.source == "hf" else [])  # a bare name means any source's
        if ref.revision:
            same = [one for one in same if _at(one, ref.revision)]
        if not same:
            raise _unknown(ref, known)
        return same

    def find(self, ref: ModelRef) -> Manifest:
        """Return the model a reference means: its revision, else `main`, else the newest.

        Raises UnknownModel with close matches.
        """
        return max(self.matching(ref), key=_standing)

    def resolve(self, ref: ModelRef) -> tuple[Manifest, Variant]:
        """Return the model and the variant a reference means: the one named, or the only one.

        A variant that the newest commit lacks is looked for in the older ones.
        Raises UnknownModel, QuantizationNotFound, UsageError where several could be meant.
        """
        manifests = sorted(self.matching(ref), key=_standing, reverse=True)
        having = (one for one in manifests if _has(one, ref.variant))
        manifest = next(having, manifests[0])
        choices = servable(manifest)
        if not ref.variant and len(choices) > 1:
            names = ", ".join(f"#{one.name}" for one in choices)
            raise UsageError(
                f"{manifest.name} is kept in {len(choices)} variants: {names}.",
                hint=f"Say which, for example {manifest.name}#{choices[0].name}.",
                available=[one.name for one in choices],
            )
        variant, _ = quants.choose(choices, ref.variant)
        return manifest, variant

    def has(self, sha256: str) -> bool:
        """Say whether a content is here."""
        return self.blobs.has(sha256)

    def blob_path(self, sha256: str) -> Path:
        """Return where a content is, or would be."""
        return self.blobs.path(sha256)

    def kept(self, file: RemoteFile) -> str | None:
        """Return the sha256 of a hub's file if its verified bytes are here; None otherwise."""
        sha256 = file.sha256 or (file.git_sha1 and self.blobs.of_git_sha1(file.git_sha1))
        return sha256 if sha256 and self.blobs.has(sha256, file.size) else None

    def place(self, manifest: Manifest) -> Path:
        """Return where the folder with the model's files is, or would be; nothing is made."""
        return self._views.folder(manifest)

    def folder(self, manifest: Manifest) -> Path:
        """Return the folder with the model's files under their own names; made when missing."""
        place = self._views.folder(manifest)
        whole = all((place / file.path).is_symlink() for file in manifest.files)
        return place if whole else self._views.make(manifest)

    @property
    def hub_cache(self) -> Path:
        """Return what HF_HUB_CACHE must be for other programs to find the models kept here."""
        return self._views.root

    @property
    def trash(self) -> Trash:
        """Return what was removed and can be had back."""
        from ostler.store.trash import Trash  # not needed to list what is kept

        return Trash(self.home / "trash")

    @property
    def downloads(self) -> Downloads:
        """Return the records of the downloads that run, or were broken off."""
        from ostler.store.downloads import Downloads

        return Downloads(self.home / "downloads")

    @property
    def jobs(self) -> Jobs:
        """Return the jobs that work on kept models."""
        from ostler.store.jobs import Jobs

        return Jobs(self.home / "jobs")

    @property
    def damage(self) -> Damage:
        """Return what verifications found wrong, and what is still so."""
        from ostler.store.damage import Damage

        return Damage(self.home / "damaged", self.blobs)

    def has_key(self, key: str) -> bool:
        """Say whether the content with this sha256, or this git blob id, is here."""
        return self.blobs.has(key) if len(key) == 64 else bool(self.blobs.of_git_sha1(key))

    def used_bytes(self) -> int:
        """Return the bytes of all contents; those shared by several models count once."""
        return sum(size for _, size in self.blobs.all())

    def disk(self) -> tuple[int, int]:
        """Return (free, total) bytes of the file system that holds, or would hold, the home."""
        place = next(one for one in (self.home, *self.home.parents) if one.exists())
        found = os.statvfs(place)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    # --- changing -------------------------------------------------------------------------

    @contextmanager
    def pulling(
        self,
        name: str,
        on_wait: Callable[[], None] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Be the only one that pulls this repository, and keep sweeps away meanwhile."""
        lock = self.home / "locks" / f"{name.replace('/', '--')}.lock"
        mine = locks.hold(lock, on_wait=on_wait, meanwhile=meanwhile)
        with mine, locks.hold(self._sweeping, shared=True):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that takes contents away. Raises Busy while a pull runs."""
        with locks.hold(self._sweeping, wait=False):
            yield

    @contextmanager
    def reserving(self) -> Iterator[None]:
        """Be the only one that asks for room, for as long as that takes."""
        with locks.hold(self.home / "locks" / "room.lock"):
            yield

    @property
    def _sweeping(self) -> Path:
        return self.home / "locks" / "sweep.lock"

    def register(self, manifest: Manifest) -> Manifest:
        """Keep a model: its files join those kept of the same commit. The commit point.

        Call it once every file is verified and adopted. Raises ValueError where one is not.
        """
        absent = [file.path for file in manifest.files if not self.has(file.sha256)]
        if absent:
            raise ValueError(f"not verified yet: {absent}")
        before = self._manifests.get(manifest.source, manifest.name, manifest.commit)
        merged = _merged(before, manifest) if before else manifest
        durable.folder(self.home)
        self._manifests.write(merged)
        self._renew()
        self._views.make(merged)
        return merged

    def forget(self, removal: Removal) -> int:
        """Carry out a removal; return the bytes freed. The manifest goes first, blobs after.

        Raises Busy while a pull runs, since it may be about to name one of these blobs, and
        where the model has changed since the removal was planned.
        """
        manifest = removal.manifest
        with self.alone():
            if self.get(manifest.source, manifest.name, manifest.commit) != manifest:
                raise Busy(f"{manifest.name} has just changed.", hint="Try again.")
            if removal.remaining:
                self._manifests.write(removal.remaining)
                self._views.make(removal.remaining)
            else:
                self._views.remove(removal.manifest)  # made anew if we are killed here
                self._manifests.remove(removal.manifest)
            self._renew()
            return self._discard(removal.freed & self.orphans())

    def _renew(self) -> None:
        """Have those see it who look at the manifests again and again."""
        from ostler.store import lookout

        lookout.renew(self.home / "models")

    def sweep(self) -> int:
        """Remove contents that no model names; return the bytes freed. Raises Busy."""
        with self.alone():
            return self._discard(self.orphans())

    def orphans(self) -> frozenset[str]:
        """Return the contents (sha256) that neither a model nor the trash names."""
        from ostler.core import plans  # not needed to list what is kept, which must be quick

        named = [*self.manifests(), *self.trash.manifests()]
        return plans.sweep(named, (sha256 for sha256, _ in self.blobs.all()))

    def _discard(self, blobs: frozenset[str]) -> int:
        freed = sum(self.blobs.discard(sha256) for sha256 in blobs)
        self.blobs.unlink_dangling()
        return freed


def servable(manifest: Manifest) -> tuple[Variant, ...]:
    """Return the variants of which every shard is kept."""
    choices = quants.variants(file.path for file in manifest.files)
    return tuple(one for one in choices if not one.missing)


def _standing(manifest: Manifest) -> tuple[bool, str]:
    """Order the commits of one model by which is meant when none is named: `main`, then age."""
    return "main" in manifest.revisions, manifest.pulled_at


def _has(manifest: Manifest, variant: str | None) -> bool:
    return variant is None or any(one.name == variant for one in servable(manifest))


def _at(manifest: Manifest, revision: str) -> bool:
    short = len(revision) >= SHORTEST_COMMIT and manifest.commit.startswith(revision.lower())
    return short or revision in manifest.revisions


def _merged(before: Manifest, now: Manifest) -> Manifest:
    """Return both pulls of one commit as one manifest."""
    files: dict[str, KeptFile] = {file.path: file for file in (*before.files, *now.files)}
    return replace(
        now,
        files=tuple(files[path] for path in sorted(files)),
        revisions=tuple(sorted({*before.revisions, *now.revisions})),
        aliases=tuple(sorted({*before.aliases, *now.aliases})),
    )


def _unknown(ref: ModelRef, known: list[Manifest]) -> UnknownModel:
    from difflib import get_close_matches

    names = sorted({one.name for one in known})
    close = get_close_matches(ref.name, names, n=3, cutoff=0.5)
    there = f" Close to it: {', '.join(close)}." if close else ""
    return UnknownModel(
        f"{ref} is not kept here.{there}",
        hint=f"`ostler pull {ref}` fetches it; `ostler ls` lists what is here.",
        model=ref.name,
        close=close,
    )
