"""What was removed and can be had back: `trash/<time>/hf/org/name/<commit>.json`.

The contents stay among the blobs; a sweep leaves alone what a manifest here names.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ostler.nouns import Manifest
from ostler.store import durable
from ostler.store.manifests import Manifests

STAMP = "%Y%m%dT%H%M%S.%fZ"
WISHES = ("wishes-before.yaml", "wishes-after.yaml")
_STAMP = re.compile(r"\d{8}T\d{6}\.\d{6}Z")


@dataclass(frozen=True, slots=True)
class Thrown:
    """One removal: when, and the manifests of what went, holding only the files that went."""

    id: str
    at: datetime
    manifests: tuple[Manifest, ...]
    wishes: tuple[bytes, bytes] | None = None  # ostler.yaml before and after, where it lost some

    @property
    def size(self) -> int:
        return sum(manifest.size for manifest in self.manifests)


class Trash:
    """The removals that can be undone, each a folder named by its time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> list[Thrown]:
        """Return every removal, oldest first. Raises CorruptFile on a damaged one."""
        return [
            Thrown(
                folder.name,
                datetime.strptime(folder.name, STAMP).replace(tzinfo=UTC),
                tuple(Manifests(folder).all()),
                _wishes(folder),
            )
            for folder in sorted(self.root.glob("*Z"))
            if _STAMP.fullmatch(folder.name)
        ]

    def manifests(self) -> list[Manifest]:
        """Return the manifests of all removals."""
        return [manifest for entry in self.entries() for manifest in entry.manifests]

    def put(
        self,
        manifests: tuple[Manifest, ...],
        now: datetime,
        wishes: tuple[bytes, bytes] | None = None,
    ) -> str:
        """Note a removal, before it is carried out; return its id."""
        folder = self.root / now.strftime(STAMP)
        for manifest in manifests:
            Manifests(folder).write(manifest)
        for name, content in zip(WISHES, wishes or (), strict=False):
            durable.write(folder / name, content)
        return folder.name

    def drop(self, entry: Thrown) -> None:
        """Forget a removal: what it named can no longer be had back."""
        shutil.rmtree(self.root / entry.id)
        durable.sync_folder(self.root)


def _wishes(folder: Path) -> tuple[bytes, bytes] | None:
    try:
        before, after = ((folder / name).read_bytes() for name in WISHES)
    except FileNotFoundError:
        return None
    return before, after
