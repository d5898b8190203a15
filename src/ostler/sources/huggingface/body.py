"""The bytes of one answer of a hub, and where in the file they begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx2

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


class HubBody:
    """The bytes of one answer."""

    def __init__(
        self, response: httpx2.Response, explain: Callable[[Exception], Exception]
    ) -> None:
        self._response, self._explain = response, explain
        span = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        length = response.headers.get("Content-Length", "")
        if response.status_code == 206 and span:
            self.start = int(span[1])
            self.size = int(span[2]) if span[2] != "*" else None
        else:
            self.start = 0
            self.size = int(length) if length.isascii() and length.isdigit() else None

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order. Raises HubUnreachable when they stop coming."""
        try:
            # as they come: gathered into larger pieces, a cut would lose the last of them
            yield from self._response.iter_raw()
        except (OSError, httpx2.HTTPError) as error:
            raise self._explain(error) from error
