"""The way in for bytes that lie on this machine: hashed, compared, synced, then named.

Archives, backups, bundles and other applications' folders all come through here. What does not
have the hash that its manifest names is never kept.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ostler.errors import ChecksumMismatch, CorruptFile, InsufficientDisk
from ostler.nouns import KeptFile, RemoteFile
from ostler.store import durable
from ostler.store.blobs import Blobs
from ostler.store.partial import Part, Partials
from ostler.store.reading import Reading
from ostler.verbs.digest import Digest

READ_SIZE = 1024 * 1024  # bytes; larger reads hash no faster
FICLONE = 0x40049409  # linux/fs.h: share another file's extents, copying none

Check = Callable[[str, Path], None]  # name in the repository, file with its bytes
Said = Callable[[int], None]  # bytes done since the last call


class Keeps(Protocol):
    """A store, or a shelf of copies."""

    blobs: Blobs
    partials: Partials


def unheard(count: int) -> None:
    """Tell nobody."""


def chunks(place: Path) -> Iterator[memoryview]:
    """Yield a file's bytes; each piece is good until the next one is asked for.

    Raises CorruptFile where it cannot be read.
    """
    try:
        with Reading(place) as file:
            yield from file.pieces()
    except OSError as error:
        raise CorruptFile(
            f"{place} cannot be read: {error.strerror}.", hint="Nothing of it was kept."
        ) from error


def digest_of(place: Path, file: KeptFile, said: Said = unheard) -> Digest:
    """Read a file and return its hashes."""
    digest = _digest(file)
    for chunk in chunks(place):
        digest.update(chunk)
        said(len(chunk))
    return digest


def prove(place: Path, file: KeptFile, said: Said = unheard) -> KeptFile:
    """Return the file, its block hashes known. Raises ChecksumMismatch where it is another."""
    return _compared(digest_of(place, file, said), file, str(place))


def receive(
    target: Keeps,
    file: KeptFile,
    content: Iterable[bytes | memoryview],
    *,
    origin: str,
    check: Check | None = None,
    said: Said = unheard,
) -> KeptFile:
    """Keep the bytes that come, as one content; return the file with its block hashes.

    Raises ChecksumMismatch, InsufficientDisk and what `check` raises; nothing is kept then.
    """
    with _full_disk(file), target.partials.open(file.sha256) as part:
        _begin(part)
        digest = _digest(file)
        try:
            for chunk in content:
                _write(part, chunk)
                digest.update(memoryview(chunk))
                if digest.count > file.size:
                    break  # more than it should be; no need to take all of it
                said(len(chunk))
            return _keep(target, part, file, digest, origin, check)
        except (ChecksumMismatch, CorruptFile):
            part.discard()
            raise


def copy(
    place: Path, target: Keeps, file: KeptFile, *, check: Check | None = None, said: Said = unheard
) -> KeptFile:
    """Keep a copy of a file; where the file system can, one that shares the file's extents."""
    with _full_disk(file), target.partials.open(file.sha256) as part:
        _begin(part)
        if _cloned(place, part):
            try:
                digest = digest_of(part.path, file, said)
                return _keep(target, part, file, digest, str(place), check)
            except (ChecksumMismatch, CorruptFile):
                part.discard()
                raise
        part.discard()
    return receive(target, file, chunks(place), origin=str(place), check=check, said=said)


def link(
    place: Path, target: Keeps, file: KeptFile, *, check: Check | None = None, said: Said = unheard
) -> KeptFile:
    """Keep a file by a second name for it: no byte is copied, and the two stay one.

    The file's rights are left as they are. Raises CorruptFile where it changed meanwhile, OSError
    where the file system has no links or the file is on another one.
    """
    before = os.stat(place)
    known = prove(place, file, said)
    if check:
        check(file.path, place)
    blob = target.blobs.path(file.sha256)
    durable.folder(blob.parent)
    with open(place, "rb") as held:
        now = os.fstat(held.fileno())
        if (now.st_ino, now.st_size, now.st_mtime_ns) != (
            before.st_ino, before.st_size, before.st_mtime_ns,
        ):  # fmt: skip
            raise CorruptFile(f"{place} was changed while it was read.", hint="Try again.")
        os.fsync(held.fileno())
    with suppress(FileExistsError):  # another process kept the same bytes
        os.link(place, blob)
    durable.sync_folder(blob.parent)
    if file.git_sha1:
        _name_by_git(target.blobs, file)
    return known


def _name_by_git(blobs: Blobs, file: KeptFile) -> None:
    assert file.git_sha1
    name = blobs.by_git_sha1 / file.git_sha1[:2] / file.git_sha1
    durable.link(name, os.path.relpath(blobs.path(file.sha256), name.parent))


def _digest(file: KeptFile) -> Digest:
    return Digest(RemoteFile(file.path, file.size, file.sha256, file.git_sha1))


def _begin(part: Part) -> None:
    """Start with nothing: what another way left here is not ours to go on with."""
    part.keep(0)
    os.ftruncate(part.fd, 0)
    os.lseek(part.fd, 0, os.SEEK_SET)


def _write(part: Part, chunk: bytes | memoryview) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(part.fd, rest) :]


def _cloned(place: Path, part: Part) -> bool:
    """Share the extents of a file, where both are on one file system that can."""
    try:
        with open(place, "rb") as held:
            fcntl.ioctl(part.fd, FICLONE, held.fileno())
    except OSError:
        return False
    return True


def _keep(
    target: Keeps, part: Part, file: KeptFile, digest: Digest, origin: str, check: Check | None
) -> KeptFile:
    known = _compared(digest, file, origin)
    if check:
        check(file.path, part.path)
    target.blobs.adopt(part.path, part.fd, file.sha256, file.git_sha1)
    part.done()
    return known


def _compared(digest: Digest, file: KeptFile, origin: str) -> KeptFile:
    same = digest.count == file.size and digest.sha256 == file.sha256
    if not same or (file.git_sha1 and digest.git_sha1 != file.git_sha1):
        raise ChecksumMismatch(
            f"{file.path}: {origin} has other bytes than the manifest names: {digest.sha256} and "
            f"{digest.count} bytes, not {file.sha256} and {file.size}. Nothing of it was kept.",
            hint="This copy is damaged; take the file from another one.",
            path=file.path,
            expected=file.sha256,
            got=digest.sha256,
        )
    return replace(file, blocks=digest.blocks)


@contextmanager
def _full_disk(file: KeptFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InsufficientDisk(
            f"The disk became full while {file.path} was written.",
            hint="Make room, then run the same command again: it goes on where it stopped.",
            path=file.path,
        ) from error
