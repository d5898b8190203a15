"""Nouns of finding, fetching and removing: what a hub has, and what would be done."""

from __future__ import annotations

from dataclasses import dataclass

from ostler.nouns.keeping import KeptFile, Manifest


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository as its hub describes it.

    `sha256` is known for large (LFS) files, `git_sha1` (the git blob id) for all others.
    """

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit: what is there to fetch."""

    source: str
    name: str
    commit: str
    files: tuple[RemoteFile, ...]
    revision: str | None = None
    asked_name: str | None = None  # what was asked for, where the hub has renamed it
    licence: str | None = None
    gated: str | None = None  # None, "auto" or "manual"
    private: bool = False
    task: str | None = None  # the hub's pipeline tag
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One search result, from the hub or from the store."""

    name: str
    local: bool
    formats: tuple[str, ...] = ()
    size: int | None = None
    gated: str | None = None
    licence: str | None = None
    task: str | None = None
    downloads: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResults:
    """What was found, and whether the hub could be asked at all."""

    results: tuple[Found, ...]
    hub_error: str | None = None
    retry_after: float | None = None

    @property
    def local_results_only(self) -> bool:
        return self.hub_error is not None


@dataclass(frozen=True, slots=True)
class Planned:
    """A file and why it is where it is in the plan."""

    file: RemoteFile
    because: str


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull would do, before it does anything."""

    listing: Listing
    variant: str | None
    fetch: tuple[Planned, ...]
    have: tuple[Planned, ...]
    ignored: tuple[Planned, ...]
    notes: tuple[str, ...] = ()

    @property
    def fetch_bytes(self) -> int:
        return sum(planned.file.size for planned in self.fetch)

    @property
    def total_bytes(self) -> int:
        return self.fetch_bytes + sum(planned.file.size for planned in self.have)


@dataclass(frozen=True, slots=True)
class Download:
    """One pull on its way, or broken off, as any process on this store may read it."""

    id: str
    name: str
    commit: str
    variant: str | None
    words: tuple[str, ...]  # what `ostler pull` was given, to go on with
    host: str
    pid: int
    began: float  # seconds since 1970
    told: float  # when this was written
    done: int  # bytes here and hashed, of all the pull wants
    total: int
    rate: float | None = None  # bytes a second, of the last seconds; None: not known yet
    state: str = "running"  # "running", "paused" (no room), "stopped", "cancelled", "failed"
    note: str = ""
    contents: tuple[tuple[str, int], ...] = ()  # (key, bytes) of each file that is fetched
    running: bool = False  # its process is alive

    @property
    def left(self) -> float | None:
        """The seconds it will take at this rate; None where that cannot be said."""
        return (self.total - self.done) / self.rate if self.running and self.rate else None


@dataclass(frozen=True, slots=True)
class Job:
    """Work on a kept model that takes a while, as any process on this store may read it."""

    id: str
    kind: str  # "quantize"
    model: str  # what it is made from
    result: str  # the name that the result will have
    host: str
    pid: int
    began: float  # seconds since 1970
    told: float  # when this was written
    stage: str = "waiting"  # "converting", "quantizing", "checking", "keeping", "done"
    done: int = 0
    total: int = 0  # of `unit`; 0: not known
    unit: str = "bytes"
    note: str = ""
    running: bool = False  # its process is alive


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a model, or one variant of it, would do."""

    manifest: Manifest
    remaining: Manifest | None  # None: nothing of the model stays
    files: tuple[KeptFile, ...]  # what goes from the manifest
    freed: frozenset[str]  # sha256 of blobs that no manifest names afterwards
    shared: frozenset[str]  # sha256 of blobs that go from here and stay for others

    @property
    def freed_bytes(self) -> int:
        return sum(
            {file.sha256: file.size for file in self.files if file.sha256 in self.freed}.values()
        )


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing wrong with a kept file."""

    path: str
    kind: str  # "missing", "size", "hash", "unreadable"
    expected: str
    got: str
    at: int | None = None  # offset of the first block that is wrong, where blocks were recorded
