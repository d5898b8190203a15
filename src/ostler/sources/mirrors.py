"""Several hubs with the same repositories, tried in order; the last good one comes first.

Another hub is asked only where this one cannot be reached or is out of order (502, 503, 504).
Never where it answers that there is no such thing, or refuses: that is an answer. Never where its
bytes are wrong: whoever hashes them decides, and a mirror must not hide it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from ostler.errors import HubUnreachable
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.ports import Body, Interruptible, Source

OUT_OF_ORDER = (502, 503, 504)

T = TypeVar("T")


class Mirrors:
    """Sources that stand for each other. Safe to use from several threads."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._good = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections of all."""
        for source in self._sources:
            close = getattr(source, "close", None)
            if close:
                close()

    def apart(self) -> Mirrors:
        """Return the same hubs with connections of their own."""
        return Mirrors([one.apart() if isinstance(one, Interruptible) else one
                        for one in self._sources])  # fmt: skip

    def hang_up(self) -> None:
        """Break off what is open at any of them."""
        for source in self._sources:
            if isinstance(source, Interruptible):
                source.hang_up()

    def listing(self, ref: ModelRef) -> Listing:
        """Return the listing of the first that answers. Raises what the last one raised."""
        return self._first(lambda source: source.listing(ref))[1]

    def search(self, words: str, limit: int) -> SearchResults:
        """Return what the first that can be asked knows."""
        found = SearchResults(())
        for _ in self._sources:
            at = self._good
            found = self._sources[at].search(words, limit)
            if found.hub_error is None:
                break
            self._leave(at)
        return found

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[Body]:
        """Open the bytes at the first that gives them; one that breaks off is left for the next.

        Raises what Source.open raises.
        """
        with ExitStack() as stack:
            at, body = self._first(
                lambda source: stack.enter_context(source.open(listing, file, start, end))
            )
            try:
                yield body
            except HubUnreachable:
                self._leave(at)  # whoever asks again asks the next
                raise

    def _first(self, ask: Callable[[Source], T]) -> tuple[int, T]:
        for number in range(1, len(self._sources) + 1):
            at = self._good
            try:
                return at, ask(self._sources[at])
            except HubUnreachable as error:
                if error.facts.get("status", OUT_OF_ORDER[0]) not in OUT_OF_ORDER:
                    raise
                self._leave(at)
                if number == len(self._sources):
                    raise
        raise AssertionError("there is at least one source")

    def _leave(self, at: int) -> None:
        """Ask the next one from now on, unless somebody has turned to another already."""
        with self._lock:
            if self._good == at:
                self._good = (at + 1) % len(self._sources)
