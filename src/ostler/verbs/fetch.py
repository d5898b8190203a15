"""The one way in for bytes: hash while writing, compare, sync, rename.

A file is resumed from what an earlier run left, as far as its journal proves it, and never spliced
from two contents: the whole must have the hash that the hub names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core import blocks, plans
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.errors import ChecksumMismatch, InsufficientDisk
from ostler.nouns import KeptFile, Listing, RemoteFile
from ostler.store.writing import Buffers
from ostler.verbs.digest import Digest
from ostler.verbs.progress import Step, Tally
from ostler.verbs.receiving import FULL
from ostler.verbs.throttle import Throttle
from ostler.verbs.transfer import BUFFERS, Transfer

if TYPE_CHECKING:
    from ostler.ports import Source
    from ostler.store import Store
    from ostler.store.partial import Part

Check = Callable[[str, Path], None]  # name in the repository, file with its bytes


@dataclass(frozen=True)
class Fetcher:
    """Fetches files of one repository; used from several threads at once."""

    listing: Listing
    source: Source
    store: Store
    tally: Tally
    stop: threading.Event
    patience: Patience
    check: Check | None = None
    workers: int = 1  # connections at once, of all files together
    large: int = 1  # files among those to fetch that are worth several connections
    throttle: Throttle | None = None
    full_wait: float = 0.0  # seconds to wait for room on a full disk
    known: Mapping[str, str] = field(default_factory=dict)  # sha256 -> blocks of what is kept
    buffers: Buffers = field(default_factory=lambda: Buffers(BUFFERS, BLOCK))

    def fetch(self, file: RemoteFile) -> KeptFile:
        """Return the file, kept and verified; fetched only where it is not here yet.

        Raises ChecksumMismatch, InsufficientDisk, HubUnreachable and what `check` raises.
        """
        kept = self._kept(file)
        if kept is None:
            with self._full_disk(file), self._part(file) as part:
                kept = self._kept(file)  # while we waited for the lock
                if kept:
                    part.discard()
                else:
                    kept = self._into_store(file, part)
        self.tally.say(Step.DONE, file.path, file.size, file.size)
        return kept

    def replace(self, file: RemoteFile) -> KeptFile:
        """Fetch a file whose kept bytes are damaged; they stay until the new ones are verified."""
        with self._full_disk(file), self._part(file) as part:
            kept = self._into_store(file, part)
        self.tally.say(Step.DONE, file.path, file.size, file.size)
        return kept

    def _kept(self, file: RemoteFile) -> KeptFile | None:
        sha256 = self.store.kept(file)
        if sha256 is None:
            return None
        return KeptFile(file.path, file.size, sha256, file.git_sha1, self.known.get(sha256, ""))

    def _part(self, file: RemoteFile) -> AbstractContextManager[Part]:
        def waiting() -> None:
            note = "another download of the same bytes is under way"
            self.tally.say(Step.WAITING, file.path, 0, file.size, note)

        return self.store.partials.open(plans.key(file), waiting)

    def _into_store(self, file: RemoteFile, part: Part) -> KeptFile:
        digest = self._verified(file, part)
        if self.check:
            self.check(file.path, part.path)
        self.store.blobs.adopt(part.path, part.fd, digest.sha256, digest.git_sha1)
        part.done()
        return KeptFile(file.path, file.size, digest.sha256, file.git_sha1, digest.blocks)

    def _verified(self, file: RemoteFile, part: Part) -> Digest:
        """Receive the file; once more from its first byte where it was put together of pieces."""
        transfer = Transfer(self, file, part, blocks.lanes(file.size, self.large, self.workers))
        try:
            return transfer.receive()
        except ChecksumMismatch as error:
            part.keep(0)
            if not transfer.spliced:
                part.discard()
                raise
            self.tally.say(Step.RESTARTED, file.path, 0, file.size, error.what)
        try:
            return Transfer(self, file, part).receive()
        except ChecksumMismatch:
            part.discard()
            raise

    @contextmanager
    def _full_disk(self, file: RemoteFile) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise InsufficientDisk(
                f"The disk of {self.store.home} became full while {file.path} was written.",
                hint="Make room, then run the same command again: it goes on where it stopped.",
                path=file.path,
            ) from error
