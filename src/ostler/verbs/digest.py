"""The hashes of a content, computed as its bytes pass by."""

from __future__ import annotations

import hashlib

from ostler.core import blocks
from ostler.core.blocks import BLOCK, Mark
from ostler.errors import ChecksumMismatch
from ostler.nouns import RemoteFile


class Digest:
    """The sha256 of a file so far, the git id where the hub names one, and the block hashes."""

    def __init__(self, file: RemoteFile) -> None:
        self.count = 0
        self._size = file.size
        self._ends: dict[int, str] = {}
        self._sha256 = hashlib.sha256()
        # only where the hub names a git id: hashing weights twice would cost half as much again
        self._git = hashlib.sha1(usedforsecurity=False) if file.git_sha1 else None
        if self._git:
            self._git.update(b"blob %d\0" % file.size)

    def update(self, data: memoryview) -> None:
        """Hash the bytes that come next."""
        while data:
            piece = data[: BLOCK - self.count % BLOCK]
            self._sha256.update(piece)
            if self._git:
                self._git.update(piece)
            self.count += len(piece)
            data = data[len(piece) :]
            if self.count % BLOCK == 0:
                self._ends[self.count] = self._sha256.hexdigest()

    def copy(self) -> Digest:
        """Return a digest that stands where this one stands."""
        other = object.__new__(Digest)
        other.count, other._size, other._ends = self.count, self._size, dict(self._ends)
        other._sha256 = self._sha256.copy()
        other._git = self._git.copy() if self._git else None
        return other

    def up_to(self, offset: int) -> str:
        """Return the hash of the bytes before the end of a block that was passed."""
        return self._ends[offset] if offset < self.count else self.sha256

    @property
    def mark(self) -> Mark:
        """Where it stands, provably."""
        return Mark(self.count, self.sha256)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def git_sha1(self) -> str | None:
        return self._git.hexdigest() if self._git else None

    @property
    def blocks(self) -> str:
        """The block hashes as a manifest keeps them."""
        return blocks.joined(self._ends, self._size)

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
