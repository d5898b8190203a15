"""The models kept here, as repositories for other machines.

Each is served under its upstream commit, so a client that pins that commit gets what it pinned.
A source that has no commits of git's form (ModelScope, a folder of old) gets one that follows from
the files. Only the files that were pulled are there: the rest of the repository is not listed.
Where two sources have a model of one name, the first of ORDER is the one that is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ostler.core import cards, git, hashes
from ostler.faces.hub.repos import HubFile, Repo, Snapshot
from ostler.nouns import KeptFile, Manifest
from ostler.store.store import Store

ORDER = ("hf", "ms", "git", "folder")


class KeptRepos:
    """The repositories of one store, as they are at each moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> list[str]:
        return sorted({manifest.name for manifest in self._store.manifests()})

    def find(self, name: str, revision: str | None = None) -> Repo | None:
        """Return the repository with every commit of it that is kept. Raises CorruptFile."""
        kept = self._of_one_source(name)
        if not kept:
            return None
        snapshots = [self._snapshot(manifest) for manifest in kept]
        commits = {
            manifest.commit: snapshot.commit
            for manifest, snapshot in zip(kept, snapshots, strict=True)
        }
        names = {ref: commits[manifest.commit] for manifest in kept for ref in manifest.revisions}
        # a model pulled by its commit alone is still what a client means by no revision
        newest = max(kept, key=lambda manifest: manifest.pulled_at)
        main = names.pop("main", commits[newest.commit])
        return Repo(
            name,
            {snapshot.commit: snapshot for snapshot in snapshots},
            branches={"main": main},
            tags={ref: commit for ref, commit in names.items() if ref != commit},
            gated=newest.gated,
            private=newest.private,
        )

    def renamed(self, name: str) -> str | None:
        for manifest in self._store.manifests():
            if name in manifest.aliases:
                return manifest.name
        return None

    def _of_one_source(self, name: str) -> Sequence[Manifest]:
        """Return every commit kept of a model: two sources' are never one repository."""
        same = [manifest for manifest in self._store.manifests() if manifest.name == name]
        first = min((manifest.source for manifest in same), key=_rank, default="")
        return [manifest for manifest in same if manifest.source == first]

    def _snapshot(self, manifest: Manifest) -> Snapshot:
        files = {
            file.path: self._file(file)
            for file in sorted(manifest.files, key=lambda file: file.path)
        }
        card = _card(manifest)
        when = datetime.fromisoformat(manifest.pulled_at).timestamp() if manifest.pulled_at else 0
        folders = git.trees({path: file.oid for path, file in files.items()})
        commit = manifest.commit
        return Snapshot(
            commit if hashes.SHA1.fullmatch(commit) else git.commit_id(folders[""]),
            files,
            folders=folders,
            modified=when,
            card=card,
            tags=tuple(dict.fromkeys((*manifest.tags, *cards.tags(card, files)))),
        )

    def _file(self, file: KeptFile) -> HubFile:
        location = str(self._store.blob_path(file.sha256))
        if file.git_sha1:
            return HubFile(file.path, file.size, file.git_sha1, location)
        oid = git.pointer_id(file.sha256, file.size)
        return HubFile(file.path, file.size, oid, location, file.sha256)


def _rank(source: str) -> int:
    return ORDER.index(source) if source in ORDER else len(ORDER)


def _card(manifest: Manifest) -> dict[str, Any]:
    said = {"license": manifest.licence, "pipeline_tag": manifest.task}
    return {key: value for key, value in said.items() if value}
