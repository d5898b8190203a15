"""A source behind the operator's rules: what they forbid is refused before the hub is asked."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ostler.core.policy import Policy
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.ports import Body, Source
from ostler.verbs import stopping


class Permitted:
    """Passes on to another source what the rules allow."""

    def __init__(self, source: Source, rules: Policy, endpoint: str) -> None:
        self._source, self._rules, self._endpoint = source, rules, endpoint

    def apart(self) -> Permitted:
        """Return the same rules before a source with connections of its own."""
        return Permitted(stopping.apart(self._source), self._rules, self._endpoint)

    def hang_up(self) -> None:
        """Break off what the source is waiting for."""
        stopping.hang_up(self._source)

    def listing(self, ref: ModelRef) -> Listing:
        """Return the repository. Raises SourceNotAllowed, and what the source raises."""
        self._rules.require_source(ref.name, self._endpoint)
        return self._source.listing(ref)

    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Body]:
        """Open one file. Raises UnsafeFormat where its format is blocked."""
        self._rules.require(listing.name, self._endpoint, [file.path])
        return self._source.open(listing, file, start, end)

    def search(self, words: str, limit: int) -> SearchResults:
        """Return what the source finds; that something is there may be known."""
        return self._source.search(words, limit)
