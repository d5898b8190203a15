"""Bytes of one file on their way into memory, whatever the hub and the network do meanwhile."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ostler.core import hashes
from ostler.core.patience import Patience
from ostler.errors import HubUnreachable, InsufficientDisk
from ostler.nouns import Listing, RemoteFile
from ostler.store.writing import Buffers
from ostler.verbs.digest import mismatch
from ostler.verbs.progress import Step, Tally
from ostler.verbs.throttle import Throttle

if TYPE_CHECKING:
    from ostler.ports import Body, Source

FULL = (errno.ENOSPC, errno.EDQUOT)
LOOK_AGAIN = 0.5  # seconds between two tries on a full disk


class Stopped(Exception):
    """The pull ends for another reason; what is on the disk stays for the next one."""


class Line(Protocol):
    """Where the files of one pull come from, and what they share on the way."""

    @property
    def listing(self) -> Listing: ...
    @property
    def source(self) -> Source: ...
    @property
    def tally(self) -> Tally: ...
    @property
    def stop(self) -> threading.Event: ...
    @property
    def patience(self) -> Patience: ...
    @property
    def buffers(self) -> Buffers: ...
    @property
    def throttle(self) -> Throttle | None: ...
    @property
    def full_wait(self) -> float: ...


@dataclass
class Page:
    """A block being filled: `buffer` holds the file's bytes from `base` on, `fill` of them."""

    buffer: memoryview
    base: int
    fill: int = 0

    @property
    def at(self) -> int:
        return self.base + self.fill


class Receiver:
    """What every way of receiving a file needs: patience, proof of identity, room, a cap."""

    def __init__(self, line: Line, file: RemoteFile) -> None:
        self.line, self.file = line, file
        self.spliced = False  # made of more than one answer, maybe of more than one run
        self.received = 0  # bytes of the file, hashed or on their way to be
        self._waited = 0.0  # seconds for room on the disk

    def accept(self, body: Body) -> None:
        """Refuse an answer that is not of this file. Raises ChecksumMismatch."""
        if body.size is not None and body.size != self.file.size:
            raise mismatch(self.file, f"{self.file.size} bytes", f"{body.size} bytes")
        tag = getattr(body, "etag", None) or ""
        listed = {len(one): one for one in (self.file.sha256, self.file.git_sha1) if one}
        if hashes.KEY.fullmatch(tag) and listed.get(len(tag), tag) != tag:
            raise mismatch(self.file, f"the hash {listed[len(tag)]}", tag)

    def fill(self, page: Page, readinto: Callable[[memoryview], int], until: int) -> int:
        """Receive more bytes of a block; 0 where the answer ended. Raises HubUnreachable."""
        self.unless_stopped()
        throttle = self.line.throttle
        window = page.buffer[page.fill : page.fill + until - page.at]
        count = readinto(window[: throttle.slice] if throttle else window)
        page.fill += count
        self.received += count  # lanes may lose a count to each other; it is only shown
        if throttle:
            throttle.took(count, self.line.stop)
        self.say(Step.PROGRESS, self.received)
        return count

    def persevere(self, page: Page, until: int, attempt: Callable[[], None]) -> None:
        """Try again after a pause; every byte gained makes the patience whole again."""
        failures, furthest = 0, page.at
        while True:
            try:
                return attempt()
            except HubUnreachable as error:
                self.unless_stopped()  # then it was our own doing
                failures = 1 if page.at > furthest else failures + 1
                furthest = max(furthest, page.at)
                self.spliced = self.spliced or page.at > 0
                pause = self.line.patience.pause(failures, error.facts.get("retry_after"))
                if pause is None:
                    raise
                self.say(Step.RETRY, self.received, f"{error.what} Trying again in {pause:.1f} s.")
                self.line.stop.wait(pause)
                self.unless_stopped()

    def written(self, write: Callable[[], None]) -> None:
        """Write; on a full disk say so and wait for room. Raises InsufficientDisk."""
        while True:
            try:
                return write()
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._wait_for_room(error)

    def _wait_for_room(self, error: OSError) -> None:
        if self._waited >= self.line.full_wait:
            raise InsufficientDisk(
                f"The disk became full while {self.file.path} was written.",
                hint="Make room, then run the same command again: it goes on where it stopped.",
                path=self.file.path,
            ) from error
        if not self._waited:
            note = "the disk is full; make room and it goes on, nothing is lost"
            self.say(Step.PAUSED, self.received, note)
        self._waited += LOOK_AGAIN
        self.line.stop.wait(LOOK_AGAIN)
        self.unless_stopped()

    def short(self, at: int) -> HubUnreachable:
        """Return the refusal of an answer that ended too soon."""
        return HubUnreachable(
            f"The hub ended {self.file.path} at byte {at} of {self.file.size}.",
            hint="Run the same command again: it goes on where it stopped.",
        )

    def unless_stopped(self) -> None:
        """Raise Stopped once the pull is to end."""
        if self.line.stop.is_set():
            raise Stopped

    def say(self, step: Step, done: int, note: str = "") -> None:
        """Report a step of this file."""
        self.line.tally.say(step, self.file.path, done, self.file.size, note)


def reader(body: Body) -> Callable[[memoryview], int]:
    """Return what fills a buffer with the next bytes of a body; 0 at its end."""
    own: Callable[[memoryview], int] | None = getattr(body, "readinto", None)
    return own or _Chunks(body.chunks()).readinto


class _Chunks:
    """The chunks of a body that cannot fill a buffer by itself."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
