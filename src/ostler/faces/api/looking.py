"""The routes that say why something does not work, and what is not as it is wished."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from ostler.core.sizes import counted
from ostler.faces.api.callers import actor
from ostler.faces.api.inn import Inn
from ostler.faces.api.work_schemas import Findings, Synced
from ostler.nouns import Event


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["look"])

    @api.get("/api/why/{name:path}")
    def why(name: str, offline: bool = False) -> Findings:
        """Say what stands between a model and an answer, step by step, with the way out."""
        return inn.stock.why(name, offline)

    @api.get("/api/doctor")
    def doctor(model: str | None = None, offline: bool = False) -> Findings:
        """Look at everything the installation stands on; with `model`, also at its access."""
        return inn.stock.doctor(model, offline)

    @api.get("/api/sync")
    def drift() -> Synced:
        """Say what is not in sync: wishes, files that Ostler wrote, and what runs."""
        return inn.stock.sync(dry_run=True, prune=False)

    @api.post("/api/sync")
    async def sync(request: Request, dry_run: bool = False, prune: bool = False) -> Synced:
        """Write the files again that would be other now; a copy of each is kept."""
        done = await asyncio.to_thread(inn.stock.sync, dry_run=dry_run, prune=prune)
        if done.wrote:
            event = Event("sync", counted(len(done.copies), "file"), actor(request))
            inn.books.ledger.happened([event])
        return done

    return api
