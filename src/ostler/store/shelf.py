"""A folder elsewhere that holds copies: an archive or a backup, contents and manifests.

It is laid out as a store without links, so that any file system can hold it: `blobs/`, `models/`
for what was archived, `snapshots/<time>/` for what each backup had. `sha256sum` can check it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ostler.core import plans
from ostler.nouns import Manifest
from ostler.store import durable, locks
from ostler.store.blobs import Blobs
from ostler.store.manifests import Manifests
from ostler.store.partial import Partials

STAMP = "%Y%m%dT%H%M%SZ"
_SNAPSHOT = re.compile(r"\d{8}T\d{6}Z(?:-\d+)?")


class Shelf:
    """Copies of models under one folder, which may be on another disk or machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = Blobs(root / "blobs")
        self.partials = Partials(root / "partial")
        self.models = Manifests(root / "models")
        self._snapshots = root / "snapshots"

    @property
    def exists(self) -> bool:
        """Say whether this is a folder that we made for copies."""
        return (self.root / "blobs").is_dir()

    def disk(self) -> tuple[int, int]:
        """Return (free, total) bytes of the file system that holds, or would hold, the folder."""
        place = next(one for one in (self.root, *self.root.parents) if one.exists())
        found = os.statvfs(place)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that writes here. Raises Busy."""
        with locks.hold(self.root / "locks" / "write.lock", wait=False):
            yield

    def snapshots(self) -> list[str]:
        """Return the names of all backups here, oldest first."""
        found = [one.name for one in self._snapshots.glob("*") if _SNAPSHOT.fullmatch(one.name)]
        return sorted(found)

    def snapshot(self, name: str) -> Manifests:
        """Return the models of one backup."""
        return Manifests(self._snapshots / name)

    def at(self, folder: Path) -> Manifests:
        """Return the models of a backup that has no name yet."""
        return Manifests(folder)

    def records(self, name: str) -> Path:
        """Return the folder with what a backup holds beside models."""
        return self._snapshots / name / "records"

    def draft(self) -> Path:
        """Return an empty folder in which a backup is put together before it has a name."""
        place = self._snapshots / ".new"
        if place.exists():
            shutil.rmtree(place)
        return durable.folder(place)

    def commit(self, draft: Path, now: datetime) -> str:
        """Give the backup its name: from now on it counts. One rename."""
        base, number = now.strftime(STAMP), 1
        name = base
        while (self._snapshots / name).exists():
            number += 1
            name = f"{base}-{number}"
        durable.rename(draft, self._snapshots / name)
        return name

    def drop(self, names: Iterable[str]) -> int:
        """Remove backups, and what nothing else here names; return the bytes freed."""
        for name in names:
            shutil.rmtree(self._snapshots / name)
        return self.sweep()

    def manifests(self) -> list[Manifest]:
        """Return all that is named here, archived or in any backup."""
        kept = [one for name in self.snapshots() for one in self.snapshot(name).all()]
        return [*self.models.all(), *kept]

    def sweep(self) -> int:
        """Remove contents that nothing here names; return the bytes freed."""
        orphans = plans.sweep(self.manifests(), (sha256 for sha256, _ in self.blobs.all()))
        return sum(self.blobs.discard(sha256) for sha256 in orphans)
