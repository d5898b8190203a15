"""What is kept here: `models/hf/org/name/<commit>.json`, written last, and `refs.json` beside.

A model is here when its manifest is. The manifest is written after every blob it names.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from ostler.core import hashes, paths, refs
from ostler.errors import CorruptFile, OstlerError
from ostler.nouns import KeptFile, Manifest
from ostler.store import durable


class Manifests:
    """The manifests on disk, and which commit each branch or tag last led to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def all(self) -> list[Manifest]:
        """Return every manifest, by name and then by the time it was pulled.

        Files and folders with other names are not ours and not looked at. Raises CorruptFile on
        a damaged manifest: if it were passed over, a sweep would remove what it names.
        """
        found = []
        for path in self.root.glob("*/*/*/*.json"):
            if hashes.COMMIT.fullmatch(path.stem):
                found.append(self._read(path))
        return sorted(found, key=lambda manifest: (manifest.name, manifest.pulled_at))

    def get(self, source: str, name: str, commit: str) -> Manifest | None:
        """Return one manifest, or None where it is not kept."""
        path = self._path(source, name, commit)
        return self._read(path) if path.exists() else None

    def write(self, manifest: Manifest) -> None:
        """Write the manifest, and move the branch or tag names it came by to its commit."""
        path = self._path(manifest.source, manifest.name, manifest.commit)
        stored = asdict(replace(manifest, revisions=()))
        durable.write(path, json.dumps(stored, indent=1).encode())
        known = self._refs(path.parent)
        moved = known | dict.fromkeys(manifest.revisions, manifest.commit)
        if moved != known:
            durable.write(path.parent / "refs.json", json.dumps(moved, indent=1).encode())

    def remove(self, manifest: Manifest) -> None:
        """Remove the manifest and the names that led to it; other commits stay."""
        path = self._path(manifest.source, manifest.name, manifest.commit)
        path.unlink(missing_ok=True)
        known = self._refs(path.parent)
        left = {name: commit for name, commit in known.items() if commit != manifest.commit}
        if left:
            durable.write(path.parent / "refs.json", json.dumps(left, indent=1).encode())
        else:
            (path.parent / "refs.json").unlink(missing_ok=True)
        durable.sync_folder(path.parent)

    def _path(self, source: str, name: str, commit: str) -> Path:
        refs.parse(f"{source}:{name}")
        if not hashes.COMMIT.fullmatch(commit):
            raise CorruptFile(
                f"{commit!r} is not a commit of {name}.", hint="Try another endpoint."
            )
        return self.root / source / name / f"{commit}.json"

    def _refs(self, folder: Path) -> dict[str, str]:
        try:
            known = json.loads((folder / "refs.json").read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise _damaged(folder / "refs.json") from None
        return {str(name): str(commit) for name, commit in known.items()}

    def _read(self, path: Path) -> Manifest:
        try:
            raw = json.loads(path.read_bytes())
            raw["files"] = tuple(KeptFile(**file) for file in raw["files"])
            raw |= {name: tuple(raw[name]) for name in ("revisions", "aliases", "tags")}
            manifest = Manifest(**raw)
            _check(manifest, path)
        except (ValueError, TypeError, KeyError, AttributeError, OstlerError):
            raise _damaged(path) from None
        names = sorted(
            name for name, commit in self._refs(path.parent).items() if commit == path.stem
        )
        return replace(manifest, revisions=tuple(names))


def _check(manifest: Manifest, path: Path) -> None:
    """Raise ValueError or UnsafePath unless the manifest is what its place says."""
    place = "/".join(path.parts[-4:])
    if place != f"{manifest.source}/{manifest.name}/{manifest.commit}.json":
        raise ValueError(place)
    paths.refuse_unsafe(file.path for file in manifest.files)
    for file in manifest.files:
        if not hashes.SHA256.fullmatch(file.sha256) or not isinstance(file.size, int):
            raise ValueError(file.path)


def _damaged(path: Path) -> CorruptFile:
    return CorruptFile(
        f"{path} is damaged and cannot be read.",
        hint="Remove this file and pull the model again: verified bytes are not fetched twice.",
        path=str(path),
    )
