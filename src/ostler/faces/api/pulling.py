"""The routes for downloads of this server: ask for one, watch it, end it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from ostler.errors import UnknownModel
from ostler.faces.api.callers import actor
from ostler.faces.api.inn import Inn
from ostler.faces.api.schemas import Pull


class ToPull(BaseModel):
    """What is to be fetched. A private token is used for this download and kept nowhere."""

    model: str = Field(min_length=1, max_length=300)
    token: SecretStr | None = None
    accept_licence: bool = False  # on record; lifts a block of the policy
    again: bool = False  # at once, where it has just failed


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(prefix="/api/pulls", tags=["pulls"])

    @api.post("", status_code=202)
    async def pull(wanted: ToPull, request: Request, response: Response) -> Pull:
        """Have a model fetched; asked again, say how far it is. 200 where it is here already."""
        token = wanted.token.get_secret_value() if wanted.token else None
        found = await inn.pull(
            wanted.model, token, actor(request), accept=wanted.accept_licence, again=wanted.again
        )
        if found.status == "available":
            response.status_code = 200
        return found

    @api.get("")
    async def every() -> list[Pull]:
        """List what was asked for since the server started, with its progress."""
        return list(await inn.pulls())

    @api.get("/{name:path}")
    async def one(name: str) -> Pull:
        """Say how far a download is."""
        for found in await inn.pulls():
            if found.model == name:
                return found
        raise UnknownModel(f"Nobody asked for {name}.", hint="POST /api/pulls asks for it.")

    @api.delete("/{name:path}")
    async def end(name: str) -> Pull:
        """End a download; what has come stays, and the next pull goes on with it."""
        return await inn.end_pull(name)

    return api
