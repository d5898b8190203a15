"""The control API's routes for keys."""

from __future__ import annotations

import asyncio
from typing import Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ostler.faces.api.callers import actor
from ostler.nouns import AccessKey
from ostler.records.moment import today
from ostler.records.records import Records
from ostler.verbs import keyring


class Books(Protocol):
    """What these routes need of the server's records."""

    records: Records

    async def reload(self) -> None:
        """Read the keys again and tell the gateway."""
        ...


class Wanted(BaseModel):
    """A key to be made."""

    name: str
    role: str = "user"
    models: list[str] = ["*"]
    requests_per_minute: int | None = Field(None, ge=1)
    concurrent: int | None = Field(None, ge=1)
    tokens_per_day: int | None = Field(None, ge=1)


class Made(BaseModel):
    """A key that was made. It is shown this once."""

    name: str
    key: str


class Kept(BaseModel):
    """A key as it is kept: neither itself nor its hash is shown."""

    name: str
    role: str
    models: list[str]
    requests_per_minute: int | None
    concurrent: int | None
    tokens_per_day: int | None
    created_at: str
    revoked_at: str | None
    tokens_today: int
    last_used: str | None = None  # the last day (UTC) on which it asked for something


def routes(books: Books) -> APIRouter:
    """Return the routes over these records."""
    api = APIRouter(prefix="/api/keys", tags=["keys"])
    records = books.records

    @api.get("")
    def keys(revoked: bool = False) -> list[Kept]:
        """List the keys in force; with `revoked`, all there ever were."""
        tokens, used = records.usage.tokens(today()), records.usage.last()
        kept = [key for key in records.keys.all() if revoked or key.revoked_at is None]
        return [_shown(key, tokens.get(key.name, 0), used.get(key.name)) for key in kept]

    @api.post("", status_code=201)
    async def create(wanted: Wanted, request: Request) -> Made:
        """Make a key; the answer is the only place where it is ever seen."""
        new = AccessKey(
            wanted.name, "", wanted.role, tuple(wanted.models),
            wanted.requests_per_minute, wanted.concurrent, wanted.tokens_per_day,
        )  # fmt: skip
        key = await asyncio.to_thread(keyring.create, new, records, actor(request))
        await books.reload()
        return Made(name=wanted.name, key=key)

    @api.post("/reload")
    async def reload() -> dict[str, str]:
        """Read the keys again now; the server does so every second by itself."""
        await books.reload()
        return {"status": "done"}

    @api.post("/{name}/rotate")
    async def rotate(name: str, request: Request) -> Made:
        """Replace a key by one that may the same; the old one ends at once."""
        key = await asyncio.to_thread(keyring.rotate, name, records, actor(request))
        await books.reload()
        return Made(name=name, key=key)

    @api.delete("/{name}")
    async def revoke(name: str, request: Request, why: str = "") -> dict[str, str]:
        """End a key."""
        await asyncio.to_thread(keyring.revoke, name, records, actor(request), why)
        await books.reload()
        return {"status": "revoked", "name": name}

    return api


def _shown(key: AccessKey, tokens: int, used: str | None) -> Kept:
    return Kept(
        name=key.name,
        role=key.role,
        models=list(key.models),
        requests_per_minute=key.requests_per_minute,
        concurrent=key.concurrent,
        tokens_per_day=key.tokens_per_day,
        created_at=key.created_at,
        revoked_at=key.revoked_at,
        tokens_today=tokens,
        last_used=used,
    )
