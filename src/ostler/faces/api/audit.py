"""The control API's routes for what happened, what was used, and metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, Protocol

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from ostler.nouns import Event
from ostler.records.moment import hours_ago
from ostler.records.records import Records


class Books(Protocol):
    """What these routes need of the server's records."""

    records: Records

    async def keep(self) -> None:
        """Write what has come in; return when it is on the disk."""
        ...

    def listen(self, after: int | None) -> AsyncIterator[Event]:
        """Yield events as they are written."""
        ...


class Gauges(Protocol):
    """What can be measured of the server."""

    def page(self) -> tuple[bytes, str]:
        """Return all metrics as text, and the text's media type."""
        ...


def routes(books: Books, gauges: Gauges) -> APIRouter:
    """Return the routes over these records and metrics."""
    api = APIRouter()
    records = books.records

    @api.get("/api/audit", tags=["audit"])
    async def audit(
        hours: float = Query(24.0, ge=0, le=1_000_000),
        act: list[str] = Query([]),  # noqa: B008 - FastAPI's way to take a repeated parameter
        subject: str | None = None,
        limit: int = Query(1000, ge=1, le=100_000),
    ) -> list[dict[str, Any]]:
        """List who did what, when, how it ended, and why; oldest first."""
        await books.keep()
        found = await asyncio.to_thread(
            records.events.since, hours_ago(hours), acts=act, subject=subject, limit=limit
        )
        return [asdict(event) for event in found]

    @api.get("/api/events", tags=["audit"])
    async def events(last_event_id: int | None = Header(None)) -> StreamingResponse:
        """Send events as they happen (server-sent events).

        `Last-Event-ID` gives those after that number first: nothing is missed on reconnecting.
        """
        lines = (as_sse(event) async for event in books.listen(last_event_id))
        return StreamingResponse(_opened(lines), media_type="text/event-stream")

    @api.get("/api/usage", tags=["audit"])
    async def usage(days: int = Query(7, ge=1, le=36_500)) -> list[dict[str, Any]]:
        """List requests and tokens by day (UTC), key and model; newest day first."""
        await books.keep()
        day = hours_ago(24 * (days - 1))[:10]
        return [asdict(use) for use in await asyncio.to_thread(records.usage.since, day)]

    @api.get("/metrics", tags=["health"])
    def metrics() -> Response:
        """Give all metrics in Prometheus' text format."""
        page, kind = gauges.page()
        return Response(page, media_type=kind)

    return api


def as_sse(event: Event) -> bytes:
    """Return an event as server-sent events have it."""
    return f"id: {event.id}\nevent: {event.act}\ndata: {json.dumps(asdict(event))}\n\n".encode()


async def _opened(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Send a comment first, so that a listener knows at once that it is heard."""
    yield b": listening\n\n"
    async for line in lines:
        yield line
