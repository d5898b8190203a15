"""The bytes of one answer of a hub, and where in the file they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2

from ostler.core.streams import place_in_file


class HubBody:
    """The bytes of one answer, through the HTTP library."""

    def __init__(
        self, response: httpx2.Response, explain: Callable[[Exception], Exception]
    ) -> None:
        self._response, self._explain = response, explain
        self.start, self.size = place_in_file(response.status_code, response.headers)
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
