"""The sockets of the house: what an adapter must offer. One to three methods each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:  # a command that needs one socket need not wait until all nouns are made
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from ostler.nouns import (
        Diagnosis,
        Hardware,
        Installed,
        LaunchSpec,
        Listing,
        ModelFacts,
        ModelRef,
        RemoteFile,
        SearchResults,
        Served,
        Verdict,
        Workload,
    )


class Source(Protocol):
    """Where models come from."""

    def listing(self, ref: ModelRef) -> Listing:
        """Return the repository at the ref's revision.

        Raises ModelNotFound, RevisionNotFound, GatedRepo, TokenRejected, HubUnreachable.
        """
        ...

    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Body]:
        """Open the bytes of one file from `start` to before `end` (None: to its end).

        The body says where it really begins: a server may ignore the range.
        Raises FileNotInRepo, GatedRepo, TokenRejected, HubUnreachable.
        """
        ...

    def search(self, words: str, limit: int) -> SearchResults:
        """Return what the hub knows under these words; an outage is part of the answer."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A source that can let go of a silent hub; one without it waits for its own time-out."""

    def apart(self) -> Source:
        """Return the same source with connections of its own, for one pull."""
        ...

    def hang_up(self) -> None:
        """Break off what is open and open nothing more; who reads is told HubUnreachable."""
        ...


class Body(Protocol):
    """Bytes on their way."""

    start: int  # the offset in the file of the first byte that will come
    size: int | None  # the whole file's size as the server states it

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order. Raises HubUnreachable when they stop coming."""
        ...


class Engine(Protocol):
    """An engine describes a process; it runs nothing."""

    name: str

    def judge(self, facts: ModelFacts, hardware: Hardware, installed: Installed | None) -> Verdict:
        """Say whether this engine can run this model here, with the reason either way."""
        ...

    def launch(
        self, installed: Installed, model: Served, workload: Workload, host: str, port: int
    ) -> LaunchSpec:
        """Describe the process that would serve the model."""
        ...

    def diagnose(self, log: Sequence[str], exit_code: int | None) -> Diagnosis | None:
        """Read the engine's own log for a cause of death; None where it says nothing known."""
        ...


class Process(Protocol):
    """One running engine."""

    pid: int
    spec: LaunchSpec  # its host is where it answers
    log_path: str
    container: str | None  # its id, where it is in one

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        ...

    def lasts(self) -> None:
        """It was written down where another server finds it, and may outlive this one."""
        ...

    async def wait(self) -> int:
        """Wait for the end; return the exit code (negative: the signal)."""
        ...

    async def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, then make it; return the exit code. Nothing of it stays behind."""
        ...


class Launcher(Protocol):
    """Makes a described process real."""

    listens: str  # the address on which a process must listen to be reached on loopback

    async def start(self, spec: LaunchSpec, log_path: str) -> Process:
        """Start the process, its output going to `log_path`. Raises EngineFailed, PortInUse."""
        ...
