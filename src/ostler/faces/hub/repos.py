"""What the hub serves: repositories, each at one or more commits, each with its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file as a client may ask for it.

    `oid` is the git blob id that the tree holds: of the bytes themselves, or of the pointer
    where the file is kept as large (LFS), which is when `sha256` is known.
    """

    path: str
    size: int
    oid: str
    location: str | None  # absolute path of the bytes on this machine; None: not here yet
    sha256: str | None = None

    @property
    def etag(self) -> str:
        """What names the bytes themselves: the sha256 of a large file, else the git blob id."""
        return self.sha256 or self.oid


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit."""

    commit: str
    files: Mapping[str, HubFile]  # by path, in order of path
    folders: Mapping[str, str]  # folder path -> git tree id; "" is the root
    modified: float  # seconds since 1970, UTC
    card: Mapping[str, Any] = field(default_factory=dict)  # front matter of its README
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repo:
    """One repository with everything that can be asked of it."""

    name: str
    snapshots: Mapping[str, Snapshot]  # by commit
    branches: Mapping[str, str]  # name -> commit; "main" is always there
    tags: Mapping[str, str] = field(default_factory=dict)
    gated: str | None = None  # None, "auto" or "manual"
    private: bool = False

    @property
    def main(self) -> Snapshot:
        return self.snapshots[self.branches["main"]]

    def commit_of(self, revision: str) -> str | None:
        """Return the commit that a branch, tag, full ref or commit means, None if none does."""
        for prefix, names in (("refs/heads/", self.branches), ("refs/tags/", self.tags)):
            commit = names.get(revision) or names.get(revision.removeprefix(prefix))
            if commit:
                return commit
        return revision if revision in self.snapshots else None


class Repos(Protocol):
    """Where repositories to serve come from. Called from several threads at once."""

    def names(self) -> Sequence[str]:
        """Return the names of all repositories, sorted."""
        ...

    def find(self, name: str, revision: str | None = None) -> Repo | None:
        """Return the repository as it is now, None where there is none of this name.

        `revision` is what will be asked of it, for those who must ask elsewhere themselves.
        """
        ...

    def renamed(self, name: str) -> str | None:
        """Return today's name of a repository that was once called `name`."""
        ...
