"""The routes that look for models: on a hub, in the catalogue, in the guide; and plan a pull."""

from __future__ import annotations

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ostler.faces.api.inn import Inn
from ostler.faces.api.store_schemas import Advised, CatalogueEntry, Hits, PullPlanned
from ostler.verbs.pull import Options


class ToPlan(BaseModel):
    """A pull to be planned. A private token is used for this question and kept nowhere."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=300)
    quantization: str | None = Field(None, max_length=40)
    platform: str | None = Field(None, pattern="^(cpu|nvidia|amd|apple)$")
    include: list[str] = Field([], max_length=50)
    exclude: list[str] = Field([], max_length=50)
    everything: bool = False
    token: SecretStr | None = None


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["find"])

    @api.get("/api/search")
    def search(
        words: str = Query(min_length=1, max_length=200),
        limit: int = Query(20, ge=1, le=100),
        exact: bool = False,
    ) -> Hits:
        """Find models by words, those kept here first; a hub that is silent is said."""
        return inn.stock.finding.search(words, limit, exact)

    @api.post("/api/pulls/plan")
    def plan(wanted: ToPlan) -> PullPlanned:
        """Say what a pull would fetch, its licence, the room for it, and whether it needs a token.

        Nothing is fetched but the repository's listing.
        """
        options = Options(
            wanted.quantization, "none", tuple(wanted.include), tuple(wanted.exclude),
            wanted.everything, wanted.platform,
        )  # fmt: skip
        token = wanted.token.get_secret_value() if wanted.token else None
        return inn.stock.finding.plan(wanted.model, options, token)

    @api.get("/api/catalogue")
    def catalogue(
        task: str | None = None, context: int | None = Query(None, ge=1, le=2**31)
    ) -> list[CatalogueEntry]:
        """List the models known by a short name, with their memory and the cheapest GPU."""
        return inn.stock.finding.catalogue(task, context)

    @api.get("/api/guide")
    def guide(
        use: str | None = None, platform: str | None = None, size: str | None = None
    ) -> list[Advised]:
        """List which repository to take of each model, for a use and a platform."""
        return inn.stock.finding.guide(use, platform, size)

    return api
