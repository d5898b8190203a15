"""Lamini's paths for downloads, as its clients call them: asked of operators' keys only.

`POST` asks for a model and, repeated, says how far it is; `GET` lists. Old clients say `/v1/`,
newer ones `/v1alpha/`, with and without the last slash.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, SecretStr

from ostler.faces.api.callers import actor

PATHS = tuple(
    f"/{version}/downloaded_models{slash}" for version in ("v1", "v1alpha") for slash in ("/", "")
)


class Kind(StrEnum):
    """What a model is for, in Lamini's two words."""

    TRANSFORMER = "transformer"
    EMBEDDING = "embedding"


class Wanted(BaseModel):
    """What is asked for. A private token is used for this download and kept nowhere."""

    hf_model_name: str = Field(min_length=1, max_length=300)
    model_type: Kind = Kind.TRANSFORMER
    private_hf_token: SecretStr | None = None


class Asked(BaseModel):
    """How far a download is: requested, downloading, available or failed."""

    model_name: str
    model_type: Kind
    status: str


class Downloaded(Asked):
    """One entry of the list. Times are seconds since 1970."""

    model_id: str
    user_id: str | None = None  # the name of the key that asked
    is_public: bool = True
    creation_ts: int | None = None
    prev_download_ts: int | None = None
    prev_download_error: str | None = None
    download_attempts: int = 0


class Downloads(Protocol):
    """What these paths need of the server."""

    async def want(self, name: str, kind: str, token: str | None, by: str) -> Downloaded:
        """Have a model downloaded, unless it is here or on its way; say how far it is."""
        ...

    async def known(self) -> Sequence[Downloaded]:
        """List the models that are here and those that were asked for."""
        ...


def routes(downloads: Downloads) -> APIRouter:
    """Return the paths over these downloads."""
    api = APIRouter(tags=["lamini"])

    async def want(wanted: Wanted, request: Request) -> Asked:
        """Have a model downloaded; asked again, say how far it is."""
        token = wanted.private_hf_token
        found = await downloads.want(
            wanted.hf_model_name,
            wanted.model_type.value,
            token.get_secret_value() if token else None,
            actor(request),
        )
        return Asked(model_name=found.model_name, model_type=found.model_type, status=found.status)

    async def known() -> list[Downloaded]:
        """List the models that are here and those that were asked for."""
        return list(await downloads.known())

    for path in PATHS:
        shown = path == PATHS[-2]  # the newest spelling stands for all in the OpenAPI document
        api.add_api_route(path, want, methods=["POST"], include_in_schema=shown)
        api.add_api_route(path, known, methods=["GET"], include_in_schema=shown)
    return api
