"""The routes for work that takes a while: list it, watch it, end it; and to begin some of it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from ostler.faces.api.callers import actor
from ostler.faces.api.inn import Inn
from ostler.faces.api.work_schemas import (
    AddPlanned,
    QuantizePlanned,
    ToAdd,
    ToQuantize,
    ToSample,
    Work,
)


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["jobs"])

    @api.get("/api/jobs")
    def every() -> list[Work]:
        """List this server's work, the newest first, then other processes' jobs on this store."""
        return inn.stock.works.every()

    @api.get("/api/jobs/{id}")
    def one(id: str) -> Work:
        """Say how far a piece of work is, or what came of it."""
        return inn.stock.works.one(id)

    @api.delete("/api/jobs/{id}")
    async def cancel(id: str) -> Work:
        """End a piece of work. What a verb had proven or copied by then is kept."""
        return await inn.stock.works.cancel(id)

    @api.post("/api/quantizations", status_code=202)
    async def quantize(
        wanted: ToQuantize, request: Request, response: Response, dry_run: bool = False
    ) -> Work | QuantizePlanned:
        """Make a kept model's weights smaller, and keep the result as a model of its own.

        Where the hub has it ready-made this is refused, unless `anew`.
        """
        await asyncio.to_thread(inn.stock.proofs.known, wanted.model)
        if dry_run:
            response.status_code = 200
            return await inn.stock.makings.plan_quantize(wanted)
        return inn.stock.makings.quantize(wanted, actor(request))

    @api.post("/api/samples", status_code=202)
    async def sample(wanted: ToSample, request: Request) -> Work:
        """Keep a tiny model that comes with Ostler, for a first try; no hub is asked."""
        return inn.stock.makings.sample(wanted, actor(request))

    @api.post("/api/additions", status_code=202)
    async def add(
        wanted: ToAdd, request: Request, response: Response, dry_run: bool = False
    ) -> Work | AddPlanned:
        """Fetch a model, configure it, load it and try it; or leave all as it was."""
        if dry_run:
            response.status_code = 200
            return await inn.stock.makings.plan_add(wanted)
        return inn.stock.makings.add(wanted, actor(request))

    return api
