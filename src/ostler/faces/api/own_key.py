"""The route by which a key learns what it may."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ostler.faces.api.callers import caller


class Caller(BaseModel):
    """What a key is and may; without a key where none is needed, `name` is empty."""

    name: str
    role: str
    models: list[str]  # shell patterns of models' names
    requests_per_minute: int | None = None
    concurrent: int | None = None
    tokens_per_day: int | None = None


def routes() -> APIRouter:
    """Return the route."""
    api = APIRouter(tags=["keys"])

    @api.get("/api/caller")
    def own(request: Request) -> Caller:
        """Say which key this request came with, and what it may. Every key may ask."""
        key = caller(request)
        return Caller(
            name=key.name,
            role=key.role,
            models=list(key.models),
            requests_per_minute=key.requests_per_minute,
            concurrent=key.concurrent,
            tokens_per_day=key.tokens_per_day,
        )

    return api
