"""The bytes of one answer of a hub, and where in the file they begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import httpx2

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Span:
    """Where an answer begins in its file, and the whole file's size where it is said."""

    start: int
    size: int | None


class Headers(Protocol):
    """Headers by name, whatever the case of its letters."""

    def get(self, name: str, /) -> str | None: ...


def span(status: int, headers: Headers) -> Span:
    """Read what an answer says of its place in the file."""
    ranged = _CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
    length = headers.get("Content-Length") or ""
    if status == 206 and ranged:
        return Span(int(ranged[1]), int(ranged[2]) if ranged[2] != "*" else None)
    return Span(0, int(length) if length.isascii() and length.isdigit() else None)


class HubBody:
    """The bytes of one answer, through the HTTP library."""

    def __init__(
        self, response: httpx2.Response, explain: Callable[[Exception], Exception]
    ) -> None:
        self._response, self._explain = response, explain
        found = span(response.status_code, response.headers)
        self.start, self.size = found.start, found.size
        asked = response.history[0] if response.history else response
        linked = asked.headers.get("X-Linked-Etag")
        own = None if response.history else response.headers.get("ETag")
        self.etag = (linked or own or "").removeprefix("W/").strip('"').lower()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order. Raises HubUnreachable when they stop coming."""
        try:
            # as they come: gathered into larger pieces, a cut would lose the last of them
            yield from self._response.iter_raw()
        except (OSError, httpx2.HTTPError) as error:
            raise self._explain(error) from error
