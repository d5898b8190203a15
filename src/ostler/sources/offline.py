"""The source of whoever asks no hub: it opens no socket and refuses with the reason."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import NoReturn

from ostler.errors import OfflineMissing
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.ports import Body


class Offline:
    """Stands where a hub would; `why` says what forbids asking one, such as "--offline"."""

    def __init__(self, why: str) -> None:
        self.why = why

    def close(self) -> None:
        """There is nothing to close."""

    def listing(self, ref: ModelRef) -> Listing:
        """Raise OfflineMissing."""
        self._refuse(str(ref))

    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> AbstractContextManager[Body]:
        """Raise OfflineMissing."""
        self._refuse(f"{listing.name}/{file.path}")

    def search(self, words: str, limit: int) -> SearchResults:
        """Return nothing, and why the hub was not asked."""
        return SearchResults((), f"No hub was asked, since {self.why} is set.")

    def _refuse(self, what: str) -> NoReturn:
        raise OfflineMissing(
            f"{what} was asked of no hub, since {self.why} is set.",
            hint="`ostler ls` lists what is kept here; unset it to fetch.",
            offline=self.why,
        )
