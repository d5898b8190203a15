"""Downloads of this server as the control API shows them, with how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ostler import wiring
from ostler.faces.api.schemas import Pull
from ostler.faces.server.downloads import Downloads, Wish
from ostler.nouns import Download
from ostler.settings import Settings


class Pulls:
    """What was asked for, beside what the store says of the bytes."""

    def __init__(self, downloads: Downloads, settings: Settings) -> None:
        self._downloads = downloads
        self._store = wiring.store(settings)

    async def every(self) -> Sequence[Pull]:
        """List everything that was asked for since the server started."""
        told = await asyncio.to_thread(self._store.downloads.all)
        return [_shown(wish, told) for wish in self._downloads.wishes.values()]

    async def one(self, name: str) -> Pull:
        """Return one download; a model that is here already is available."""
        for found in await self.every():
            if found.model == name:
                return found
        return Pull(model=name, status="available")


def _shown(wish: Wish, told: Sequence[Download]) -> Pull:
    name = wish.name.partition("#")[0].partition("@")[0]
    running = [one for one in told if one.name == name and one.running]
    now = running[0] if running and wish.status == "downloading" else None
    return Pull(
        model=wish.name,
        status=wish.status,
        by=wish.by,
        asked_at=wish.since,
        ended_at=wish.ended,
        attempts=wish.attempts,
        done_bytes=now.done if now else None,
        total_bytes=now.total if now else None,
        bytes_per_second=now.rate if now else None,
        seconds_left=now.left if now else None,
        why=wish.error,
    )
