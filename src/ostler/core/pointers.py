"""Git-lfs pointers: the small text that stands where a large file was not downloaded."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1024  # bytes; git-lfs itself takes no larger file for a pointer
_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:(?P<sha256>[0-9a-f]{64})\nsize (?P<size>\d{1,18})\n?"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The content that a pointer stands for."""

    sha256: str
    size: int


def pointer(content: bytes) -> Pointer | None:
    """Return what a file's first LONGEST bytes point to; None where they are no pointer."""
    found = _POINTER.fullmatch(content)
    return Pointer(found["sha256"].decode(), int(found["size"])) if found else None
