"""Verified contents: immutable files named by their sha256, `blobs/sha256/ab/ab12...`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ostler.core import hashes
from ostler.store import durable


class Blobs:
    """The contents themselves. What is named here was verified before it got its name."""

    def __init__(self, root: Path) -> None:
        self.by_sha256 = root / "sha256"
        self.by_git_sha1 = root / "git-sha1"  # links: git blob id -> content

    def path(self, sha256: str) -> Path:
        """Return where this content is, or would be."""
        if not hashes.SHA256.fullmatch(sha256):
            raise ValueError(f"not a sha256: {sha256!r}")
        return self.by_sha256 / sha256[:2] / sha256

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Say whether the content is here, with this many bytes where the size is known."""
        try:
            found = self.path(sha256).stat()
        except FileNotFoundError:
            return False
        return size is None or found.st_size == size

    def of_git_sha1(self, git_sha1: str) -> str | None:
        """Return the sha256 of the content with this git blob id; None where it is not here."""
        if not hashes.SHA1.fullmatch(git_sha1):
            return None
        try:
            target = os.readlink(self.by_git_sha1 / git_sha1[:2] / git_sha1)
        except OSError:  # it is not there, or a copy of the home has made a file of the link
            return None
        sha256 = os.path.basename(target)
        return sha256 if self.has(sha256) else None

    def adopt(self, part: Path, fd: int, sha256: str, git_sha1: str | None) -> None:
        """Make a verified partial file a blob: synced, read-only, renamed, its folder synced."""
        place = self.path(sha256)
        durable.folder(place.parent)
        if git_sha1:  # first: a name without content is harmless, the reverse is fetched again
            link = self.by_git_sha1 / git_sha1[:2] / git_sha1
            durable.link(link, os.path.relpath(place, link.parent))
        os.fsync(fd)
        os.fchmod(fd, 0o444)
        durable.rename(part, place)

    def discard(self, sha256: str) -> int:
        """Remove a content; return the bytes freed."""
        place = self.path(sha256)
        try:
            size = place.stat().st_size
        except FileNotFoundError:
            return 0
        place.unlink()
        return size

    def all(self) -> Iterator[tuple[str, int]]:
        """Yield (sha256, bytes) of every content here; files with other names are not ours."""
        for folder in _entries(self.by_sha256):
            for entry in _entries(folder.path) if folder.is_dir() else ():
                if hashes.SHA256.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat().st_size

    def unlink_dangling(self) -> None:
        """Remove git names whose content is gone."""
        for folder in _entries(self.by_git_sha1):
            for entry in _entries(folder.path) if folder.is_dir() else ():
                if entry.is_symlink() and not os.path.exists(entry.path):
                    os.unlink(entry.path)


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """List a folder; one that is absent, or closed to us like `lost+found`, holds nothing."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
