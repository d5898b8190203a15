"""The part of a file that a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SINGLE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,40})\s*-\s*([0-9]{0,40})\s*", re.ASCII | re.I)


class Unsatisfiable(Exception):
    """No byte of the file lies in the range that was asked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to before `end` of a file of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def asked(header: str | None, size: int) -> Span | None:
    """Return the span a Range header names, None where the whole file is the right answer.

    Several ranges at once and headers that cannot be read are answered with the whole file,
    as the RFC allows. Raises Unsatisfiable, which is status 416.
    """
    match = SINGLE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # not a range at all, so it is ignored
    if start >= size:
        raise Unsatisfiable
    return Span(start, end, size)


def still_wanted(if_range: str | None, etag: str) -> bool:
    """Say whether a range may be given: the client's half must be of these same bytes."""
    return if_range is None or if_range.strip() == f'"{etag}"'


def unchanged(if_none_match: str | None, etag: str) -> bool:
    """Say whether the client has these bytes already, which is status 304."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or f'"{etag}"' in known
