"""Mend kept files that no longer match their hashes, by fetching the damaged blocks alone.

The file is read once from its beginning. A block that does not lead to the recorded hash is fetched
again, proven by the same hash, written where it belongs and synced, before the next is read: a
repair that is killed has lost nothing, and the next one finds fewer damaged blocks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ostler.core import blocks
from ostler.core.blocks import BLOCK
from ostler.core.patience import Patience
from ostler.nouns import Damage, KeptFile, Listing, Manifest, RemoteFile
from ostler.ports import Source
from ostler.store import Store, durable
from ostler.verbs.digest import mismatch
from ostler.verbs.fetch import Fetcher
from ostler.verbs.progress import Report, Step, Tally, silent
from ostler.verbs.receiving import Page, Receiver, reader

WASTE = 2**20  # bytes
MENDABLE = ("hash", "size", "missing", "unreadable")


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done to one file."""

    path: str
    fetched: int  # bytes
    blocks: tuple[int, ...]  # offsets of the blocks that were fetched; empty: the whole file was


def plan(manifest: Manifest, damages: tuple[Damage, ...]) -> tuple[KeptFile, ...]:
    """Return the files of a model that can be mended; a shard nobody pulled needs a pull."""
    wrong = {one.path for one in damages if one.kind in MENDABLE}
    return tuple(file for file in manifest.files if file.path in wrong)


def carry_out(
    manifest: Manifest,
    files: tuple[KeptFile, ...],
    source: Source,
    store: Store,
    *,
    report: Report = silent,
    patience: Patience | None = None,
) -> tuple[Mended, ...]:
    """Mend these files, one after the other, and return what was fetched.

    Raises ChecksumMismatch where the hub's bytes are not those either, HubUnreachable,
    FileNotInRepo, InsufficientDisk. What was mended before stays mended.
    """
    tally = Tally(sum(file.size for file in files), report)
    listing = Listing(manifest.source, manifest.name, manifest.commit, ())
    with store.pulling(manifest.name):
        line = Fetcher(listing, source, store, tally, threading.Event(), patience or Patience())
        return tuple(_mend(line, file) for file in files)


def _mend(line: Fetcher, file: KeptFile) -> Mended:
    remote = RemoteFile(file.path, file.size, file.sha256, file.git_sha1)
    wanted = blocks.expected(file.blocks, file.sha256, file.size)
    if wanted is None or not line.store.has(file.sha256):
        line.replace(remote)
        return Mended(file.path, file.size, ())
    offsets, fetched = [], 0
    with _writable(line.store, file.sha256) as fd, line.buffers.lent(lambda: None) as buffer:
        sha256 = hashlib.sha256()
        for end, digest in zip(blocks.ends(file.size), wanted, strict=True):
            page = Page(buffer, (end - 1) // BLOCK * BLOCK)
            proven = _proven(sha256, _read(fd, page, end), digest)
            if proven is None:
                proven = _fetched(line, remote, page, end, sha256, digest)
                os.pwrite(fd, buffer[: page.fill], page.base)
                os.fsync(fd)
                offsets.append(page.base)
                fetched += page.fill
            sha256 = proven
            line.tally.say(Step.PROGRESS, file.path, end, file.size)
        os.ftruncate(fd, file.size)
    line.tally.say(Step.DONE, file.path, file.size, file.size)
    return Mended(file.path, fetched, tuple(offsets))


@contextmanager
def _writable(store: Store, sha256: str) -> Iterator[int]:
    """Open a blob for writing; one that another program has a link to becomes ours alone."""
    path = store.blob_path(sha256)
    if path.stat().st_nlink > 1:
        draft = durable.draft(path)
        shutil.copyfile(path, draft)
        durable.rename(draft, path)
    path.chmod(0o600)
    fd = os.open(path, os.O_RDWR)
    try:
        yield fd
    finally:
        os.fsync(fd)
        os.fchmod(fd, 0o444)
        os.close(fd)


def _read(fd: int, page: Page, end: int) -> memoryview:
    """Read a block into its page; less of it where the disk has no more, or cannot read it."""
    try:
        count = os.preadv(fd, [page.buffer[: end - page.base]], page.base)
    except OSError:
        return page.buffer[:0]
    return page.buffer[: count if count == end - page.base else 0]


def _proven(before: hashlib._Hash, data: memoryview, digest: str) -> hashlib._Hash | None:
    """Return the hash up to the end of a block; None where that is not the recorded one."""
    after = before.copy()
    after.update(data)
    return after if after.hexdigest() == digest else None


def _fetched(
    line: Fetcher, file: RemoteFile, page: Page, end: int, before: hashlib._Hash, digest: str
) -> hashlib._Hash:
    """Fetch one block into its page. Raises ChecksumMismatch where it is not the right one."""
    receiver = Receiver(line, file)

    def attempt() -> None:
        with line.source.open(line.listing, file, page.at, end) as body:
            receiver.accept(body)
            readinto = reader(body)
            if body.start > page.at:
                raise mismatch(file, f"byte {page.at} next", f"byte {body.start}")
            _pass_over(receiver, readinto, body.start, page.at)
            while page.at < end:
                if not receiver.fill(page, readinto, end):
                    raise receiver.short(page.at)

    line.tally.say(Step.PROGRESS, file.path, page.base, file.size)
    receiver.persevere(page, end, attempt)
    proven = _proven(before, page.buffer[: page.fill], digest)
    if proven is None:
        got = before.copy()
        got.update(page.buffer[: page.fill])
        raise mismatch(file, f"the hash {digest} up to byte {end}", got.hexdigest())
    return proven


def _pass_over(
    receiver: Receiver, readinto: Callable[[memoryview], int], start: int, until: int
) -> None:
    """Drop the bytes before the block: this server gives the whole file whatever is asked."""
    waste = memoryview(bytearray(min(until - start, WASTE)))
    while start < until:
        count = readinto(waste[: until - start])
        if not count:
            raise receiver.short(start)
        start += count
