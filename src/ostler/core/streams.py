"""Bytes on their way out of a source, and what an HTTP answer says of their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Headers(Protocol):
    """Headers by name, whatever the case of its letters."""

    def get(self, name: str, /) -> str | None: ...


@dataclass(slots=True)
class Stream:
    """A body of ports.Body: where it begins, how long its file is, and its pieces."""

    start: int
    size: int | None
    pieces: Iterable[bytes]

    def chunks(self) -> Iterator[bytes]:
        yield from self.pieces


def place_in_file(status: int, headers: Headers) -> tuple[int, int | None]:
    """Return where an answer begins in its file, and the file's size where that is said."""
    ranged = _CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
    if status == 206 and ranged:
        return int(ranged[1]), int(ranged[2]) if ranged[2] != "*" else None
    length = headers.get("Content-Length") or ""
    return 0, int(length) if _LENGTH.fullmatch(length) else None


def byte_range(start: int, end: int | None) -> dict[str, str]:
    """Return the header that asks for bytes from `start` to before `end`; none for a whole file."""
    if not start and end is None:
        return {}
    return {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
