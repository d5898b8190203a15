"""The one way in for bytes: hash while writing, compare, sync, rename.

A file is resumed from what an earlier run left, and never spliced from two contents: the
prefix on the disk is hashed again, and the whole must have the hash that the hub names.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core import plans
from ostler.core.patience import Patience
from ostler.errors import ChecksumMismatch, HubUnreachable, InsufficientDisk
from ostler.nouns import KeptFile, Listing, RemoteFile
from ostler.verbs.progress import Step, Tally

if TYPE_CHECKING:
    from ostler.ports import Source
    from ostler.store import Store
    from ostler.store.partial import Part

READ_SIZE = 1024 * 1024  # bytes; larger reads hash no faster

Check = Callable[[str, Path], None]  # name in the repository, file with its bytes


class Stopped(Exception):
    """The pull ends for another reason; what is on the disk stays for the next one."""


class Digest:
    """The hashes of a content, computed as its bytes pass by."""

    def __init__(self, file: RemoteFile) -> None:
        self.count = 0
        self._sha256 = hashlib.sha256()
        # only where the hub names a git id: hashing weights twice would cost half as much again
        self._git = hashlib.sha1(usedforsecurity=False) if file.git_sha1 else None
        if self._git:
            self._git.update(b"blob %d\0" % file.size)

    def update(self, chunk: bytes) -> None:
        self.count += len(chunk)
        self._sha256.update(chunk)
        if self._git:
            self._git.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def git_sha1(self) -> str | None:
        return self._git.hexdigest() if self._git else None

    def compare(self, file: RemoteFile) -> None:
        """Raise ChecksumMismatch unless this is the content that the hub names."""
        for expected, got in ((file.sha256, self.sha256), (file.git_sha1, self.git_sha1)):
            if expected and expected != got:
                raise mismatch(file, f"the hash {expected}", f"{got}")


def mismatch(file: RemoteFile, expected: str, got: str) -> ChecksumMismatch:
    """Return the refusal of bytes that are not the file's."""
    return ChecksumMismatch(
        f"{file.path}: the hub names {expected}, but what came has {got}. Nothing of it was kept.",
        hint="Run the same command again; if it stays, use another endpoint: this one is damaged.",
        path=file.path,
        expected=expected.removeprefix("the hash "),
        got=got,
    )


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

    def fetch(self, file: RemoteFile) -> KeptFile:
        """Return the file, kept and verified; fetched only where it is not here yet.

        Raises ChecksumMismatch, InsufficientDisk, HubUnreachable and what `check` raises.
        """
        sha256 = self.store.kept(file)
        if sha256 is None:
            with self._full_disk(file), self._part(file) as part:
                sha256 = self.store.kept(file)  # while we waited for the lock
                if sha256:
                    part.discard()
                else:
                    sha256 = self._into_store(file, part)
        self.tally.say(Step.DONE, file.path, file.size, file.size)
        return KeptFile(file.path, file.size, sha256, file.git_sha1)

    def _part(self, file: RemoteFile) -> AbstractContextManager[Part]:
        def waiting() -> None:
            note = "another download of the same bytes is under way"
            self.tally.say(Step.WAITING, file.path, 0, file.size, note)

        return self.store.partials.open(plans.key(file), waiting)

    def _into_store(self, file: RemoteFile, part: Part) -> str:
        digest = self._verified(file, part)
        if self.check:
            self.check(file.path, part.path)
        self.store.blobs.adopt(part.path, part.fd, digest.sha256, digest.git_sha1)
        return digest.sha256

    def _verified(self, file: RemoteFile, part: Part) -> Digest:
        """Receive the file; once more from its first byte where it was put together of pieces."""
        transfer = _Transfer(self, file, part)
        try:
            return transfer.receive()
        except ChecksumMismatch as error:
            if not transfer.spliced:
                part.discard()
                raise
            self.tally.say(Step.RESTARTED, file.path, 0, file.size, error.what)
        part.truncate()
        try:
            return _Transfer(self, file, part).receive()
        except ChecksumMismatch:
            part.discard()
            raise

    @contextmanager
    def _full_disk(self, file: RemoteFile) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise InsufficientDisk(
                f"The disk of {self.store.home} became full while {file.path} was written.",
                hint="Make room, then run the same command again: it goes on where it stopped.",
                path=file.path,
            ) from error


class _Transfer:
    """One file on its way into one partial file."""

    def __init__(self, fetcher: Fetcher, file: RemoteFile, part: Part) -> None:
        self.fetcher, self.file, self.part = fetcher, file, part
        self.digest = Digest(file)
        self.spliced = False  # made of more than one answer, maybe of more than one run
        self.failures = 0
        self.furthest = 0

    def receive(self) -> Digest:
        """Return the digest of the whole file. Raises ChecksumMismatch, HubUnreachable."""
        self._take_up()
        while self.digest.count < self.file.size:
            try:
                self._stream()
            except HubUnreachable as error:
                self._pause(error)
        self.digest.compare(self.file)
        return self.digest

    def _take_up(self) -> None:
        """Hash what an earlier run left, or begin with nothing."""
        if self.part.size > self.file.size:
            self.part.truncate()
        left = self.part.size
        os.lseek(self.part.fd, 0, os.SEEK_SET)
        while left and (chunk := os.read(self.part.fd, min(left, READ_SIZE))):
            self._unless_stopped()
            self.digest.update(chunk)
            left -= len(chunk)
            self._say(Step.PROGRESS)
        self.spliced = self.digest.count > 0
        self.furthest = self.digest.count
        self._say(Step.RESUMED if self.spliced else Step.STARTED)

    def _stream(self) -> None:
        at = self.digest.count
        with self.fetcher.source.open(self.fetcher.listing, self.file, at) as body:
            if body.size is not None and body.size != self.file.size:
                raise mismatch(self.file, f"{self.file.size} bytes", f"{body.size} bytes")
            if body.start != at:
                self._begin_anew(body.start)
            for chunk in body.chunks():
                self._unless_stopped()
                self._write(chunk)
        if self.digest.count < self.file.size:
            raise HubUnreachable(
                f"The hub ended {self.file.path} at byte {self.digest.count} of {self.file.size}.",
                hint="Run the same command again: it goes on where it stopped.",
            )

    def _begin_anew(self, start: int) -> None:
        """The server ignored the range and sends the file from its first byte."""
        if start != 0:
            raise mismatch(self.file, f"byte {self.digest.count} next", f"byte {start}")
        self.part.truncate()
        self.digest = Digest(self.file)
        self._say(Step.RESTARTED, "the server does not resume files")

    def _write(self, chunk: bytes) -> None:
        if self.digest.count + len(chunk) > self.file.size:
            raise mismatch(self.file, f"{self.file.size} bytes", "more bytes")
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self.part.fd, rest) :]
        self.digest.update(chunk)
        self._say(Step.PROGRESS)

    def _pause(self, error: HubUnreachable) -> None:
        """Wait before the next attempt; every byte gained makes the patience whole again."""
        self.failures = 1 if self.digest.count > self.furthest else self.failures + 1
        self.furthest = max(self.furthest, self.digest.count)
        self.spliced = self.spliced or self.digest.count > 0
        pause = self.fetcher.patience.pause(self.failures, error.facts.get("retry_after"))
        if pause is None:
            raise error
        self._say(Step.RETRY, f"{error.what} Trying again in {pause:.1f} s.")
        self.fetcher.stop.wait(pause)
        self._unless_stopped()

    def _unless_stopped(self) -> None:
        if self.fetcher.stop.is_set():
            raise Stopped

    def _say(self, step: Step, note: str = "") -> None:
        self.fetcher.tally.say(step, self.file.path, self.digest.count, self.file.size, note)
