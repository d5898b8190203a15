"""Blocks of 8 MiB: how a place in a file is proven without the rest of it.

The hash of block k is the sha256 of the file from its first byte to the end of that block: what
`head -c N FILE | sha256sum` prints. It falls out of hashing the whole file, so it costs nothing
(a second sha256 for each block alone would double the work), and a reader that has proven what
comes before needs only the block itself to prove it.
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 8 * 2**20  # bytes
DIGEST = 64  # hexadecimal digits
MANY = 8 * BLOCK  # bytes; a smaller file is over before several connections pay


def count(size: int) -> int:
    """Return how many blocks a file of so many bytes has; an empty one has none."""
    return -(-size // BLOCK)


def ends(size: int) -> tuple[int, ...]:
    """Return where each block of a file ends."""
    return tuple(min(at + BLOCK, size) for at in range(0, size, BLOCK))


def expected(blocks: str, sha256: str, size: int) -> tuple[str, ...] | None:
    """Return the hash at the end of each block; None where they were never made.

    `blocks` is that of all blocks but the last, one after the other: the last one's is the
    file's own sha256.
    """
    if len(blocks) != max(0, count(size) - 1) * DIGEST:
        return None
    before = (blocks[at : at + DIGEST] for at in range(0, len(blocks), DIGEST))
    return (*before, sha256) if size else ()


def joined(digests: dict[int, str], size: int) -> str:
    """Return `blocks` of a file from {offset: hash up to there}; empty where one is missing."""
    inner = ends(size)[:-1]
    return "".join(digests[end] for end in inner) if all(end in digests for end in inner) else ""


def lanes(size: int, large: int, workers: int) -> int:
    """Return how many connections fetch one file, where `large` files are to be fetched.

    Together they are never more than `workers`.
    """
    return max(1, workers // max(1, large)) if size >= MANY else 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, and the sha256 of all before it."""

    offset: int
    sha256: str


def marks(journal: str) -> tuple[Mark, ...]:
    """Read a journal of marks, by offset; a line that was cut off by a crash is passed over."""
    found: dict[int, Mark] = {}
    for line in journal.splitlines():
        offset, _, digest = line.partition(" ")
        if offset.isascii() and offset.isdigit() and len(digest) == DIGEST and len(offset) < 19:
            found[int(offset)] = Mark(int(offset), digest)
    return tuple(found[offset] for offset in sorted(found))
