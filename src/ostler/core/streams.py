"""Bytes on their way out of a source, and what an HTTP answer says of their place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


@dataclass(slots=True)
class Stream:
    """A body of ports.Body: where it begins, how long its file is, and its pieces."""

    start: int
    size: int | None
    pieces: Iterable[bytes]

    def chunks(self) -> Iterator[bytes]:
        yield from self.pieces


def place_in_file(status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Return where an answer begins in its file, and the file's size where that is said."""
    ranged = _CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
    if status == 206 and ranged:
        return int(ranged[1]), int(ranged[2]) if ranged[2] != "*" else None
    length = headers.get("Content-Length") or ""
    return 0, int(length) if length.isascii() and length.isdigit() else None


def byte_range(start: int, end: int | None) -> dict[str, str]:
    """Return the header that asks for bytes from `start` to before `end`; none for a whole file."""
    if not start and end is None:
        return {}
    return {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
