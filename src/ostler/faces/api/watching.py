"""The routes by which a server is watched: its last minutes, and the engines' logs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from statistics import quantiles

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ostler.faces.api.inn import Inn
from ostler.faces.server.pulse import SLICE, SLICES, Slice


class Beat(BaseModel):
    """A slice of time. Times to the first byte are None where nobody was answered."""

    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    waiting: int  # the most requests that waited for a model at one moment
    first_byte_median: float | None  # seconds
    first_byte_p95: float | None


class Beats(BaseModel):
    """The last minutes of a server, oldest slice first; the newest is not over yet."""

    slice_seconds: float
    into_seconds: float  # how much of the newest slice has passed
    slices: list[Beat]
    models: dict[str, float]  # requests a second over the last minute, by model
    waiting: dict[str, int]  # requests that wait for a model now


class Log(BaseModel):
    """The last lines of an engine's own log."""

    model: str
    path: str
    lines: list[str]
    end: int  # bytes; where the log ended


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["watch"])

    @api.get("/api/pulse")
    def pulse(minutes: int = Query(15, ge=1, le=int(SLICE * SLICES // 60))) -> Beats:
        """Tell the last minutes: requests, errors, times to the first byte, tokens, who waits."""
        now = time.monotonic()
        slices = inn.books.pulse.last(round(minutes * 60 / SLICE), now)
        last = slices[-6:]
        names = {name for one in last for name in one.models}
        passed = SLICE * (len(last) - 1) + now % SLICE
        return Beats(
            slice_seconds=SLICE,
            into_seconds=round(now % SLICE, 1),
            slices=[_beat(one) for one in slices],
            models={
                name: round(sum(one.models[name] for one in last) / passed, 3)
                for name in sorted(names)
            },
            waiting=dict(inn.books.parked()),
        )

    @api.get("/api/models/{name:path}/log", response_model=Log)
    async def log(
        name: str,
        lines: int = Query(200, ge=1, le=5000),
        replica: int = Query(1, ge=1, le=64),
        follow: bool = False,
    ) -> Log | StreamingResponse:
        """Give the last lines of an engine's own log.

        With `follow` as server-sent events, as it grows: `lines` first, then `more` with what was
        added, and `anew` when the engine was started again and its log begun from nothing.
        """
        model = inn.canonical(name)
        path = inn.logs.path(model, replica)
        found, end = await asyncio.to_thread(inn.logs.last, path, lines)
        if not follow:
            return Log(model=model, path=str(path), lines=found, end=end)

        async def stream() -> AsyncIterator[bytes]:
            yield _as_sse("lines", found, end)
            async for kind, added, at in inn.logs.follow(path, end):
                yield _as_sse(kind, added, at)

        return StreamingResponse(stream(), media_type="text/event-stream")

    return api


def _as_sse(kind: str, lines: list[str], end: int) -> bytes:
    data = json.dumps({"lines": lines, "end": end})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _beat(one: Slice) -> Beat:
    return Beat(
        requests=one.requests,
        errors=one.errors,
        prompt_tokens=one.prompt_tokens,
        completion_tokens=one.completion_tokens,
        waiting=one.waiting,
        first_byte_median=_quantile(one.first, 50),
        first_byte_p95=_quantile(one.first, 95),
    )


def _quantile(times: list[float], percent: int) -> float | None:
    if len(times) < 2:
        return round(times[0], 4) if times else None
    return round(quantiles(times, n=100, method="inclusive")[percent - 1], 4)
