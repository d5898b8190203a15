"""What an import takes from a folder, and what each file is held against, as values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ostler.errors import ChecksumMismatch
from ostler.nouns import KeptFile, Listing, RemoteFile

# Files up to this size get a git id, so that a later pull from a hub knows them again. The Hub
# asks for git-lfs, which has no git ids, for files of 10 MiB and more.
GIT_LIMIT = 10 * 2**20


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a file before it is read, and who says so."""

    path: str
    size: int
    sha256: str | None
    git_sha1: str | None
    by: str  # "the hub", "its folder" or "" where nobody says anything


def claims(
    files: Iterable[Claim], listing: Listing | None
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Return the files to take, each with the hub's hashes where it has some, and those left.

    A file that the hub's repository does not have is left, since it is no part of the commit.
    Raises ChecksumMismatch where the folder's own notes or the size contradict the hub.
    """
    if listing is None:
        return tuple(files), ()
    remote = {file.path: file for file in listing.files}
    taken = [_held_against(file, remote[file.path]) for file in files if file.path in remote]
    return tuple(taken), tuple(file.path for file in files if file.path not in remote)


def _held_against(file: Claim, remote: RemoteFile) -> Claim:
    for what, mine, hubs in (
        ("bytes", str(file.size), str(remote.size)),
        ("sha256", file.sha256, remote.sha256),
        ("git id", file.git_sha1, remote.git_sha1),
    ):
        if mine and hubs and mine != hubs:
            raise ChecksumMismatch(
                f"{file.path} is not the hub's: {what} {mine} here, {hubs} there. "
                "Nothing was taken in.",
                hint="Leave the hub out with --offline, or give the model another --id.",
                path=file.path,
                expected=hubs,
                got=mine,
            )
    sha256, git_sha1 = remote.sha256 or file.sha256, remote.git_sha1 or file.git_sha1
    return Claim(file.path, file.size, sha256, git_sha1, "the hub")


def made_commit(files: Iterable[KeptFile]) -> str:
    """Return a commit for files that no repository names: made of their names and hashes.

    40 digits of the sha256 of what `sha256sum` would print for them, in order of their names.
    """
    lines = sorted(f"{file.sha256}  {file.path}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]
