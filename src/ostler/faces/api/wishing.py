"""The routes for the operator's wishes."""

from __future__ import annotations

from fastapi import APIRouter

from ostler.faces.api.inn import Inn
from ostler.faces.api.schemas import Wished


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["wishes"])

    # What changes the fleet runs in its loop, not in a thread: therefore `async`.
    @api.get("/api/wishes")
    def wishes() -> Wished:
        """Return the operator's wishes in force, and those that cannot be met."""
        return inn.wished()

    @api.put("/api/preload")
    async def preload(models: list[str]) -> Wished:
        """Make this the list of models that are loaded at the start, in order, and pinned."""
        return inn.preload(models)

    @api.put("/api/models/{name:path}/pin")
    async def pin(name: str) -> Wished:
        """Pin a model: it is kept loaded and never evicted."""
        return inn.pin(name, True)

    @api.delete("/api/models/{name:path}/pin")
    async def unpin(name: str) -> Wished:
        """Let a model go when its room is needed."""
        return inn.pin(name, False)

    @api.patch("/api/models/{name:path}/wish")
    async def wish(name: str, wish: dict[str, object]) -> Wished:
        """Wish something for a model; null takes a wish back."""
        return inn.wish(name, wish)

    @api.put("/api/pools/{name}")
    async def pool(name: str, pool: dict[str, object]) -> Wished:
        """Set a pool's devices and its part of their memory."""
        return inn.pool(name, pool)

    @api.delete("/api/pools/{name}")
    async def dissolve(name: str) -> Wished:
        """Dissolve a pool; its models stay where they are."""
        return inn.pool(name, None)

    return api
