"""The routes that say what fits: a model's memory by terms, GPUs, prices, recommendations."""

from __future__ import annotations

from fastapi import APIRouter, Query

from ostler.faces.api.fit_schemas import (
    Fitted,
    GpuKnown,
    Price,
    Recommended,
    ToFit,
    ToRecommend,
)
from ostler.faces.api.inn import Inn


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["fit"])

    @api.post("/api/fits")
    def fit(wanted: ToFit) -> Fitted:
        """Say what a model needs in memory, term by term, and where it fits.

        It may be kept here, in the catalogue, or on the hub; there only headers are read.
        """
        return inn.stock.fitted(wanted)

    @api.get("/api/gpus")
    def gpus(
        name: str | None = None,
        vendor: str | None = None,
        memory_gb: float = Query(0, ge=0),
    ) -> list[GpuKnown]:
        """List the GPUs that are known by name; with `name`, that one and its offers."""
        return inn.stock.quotes.gpus(name, vendor, memory_gb)

    @api.get("/api/prices")
    def prices(
        gpu: str | None = None, provider: str | None = None, spot: bool = False
    ) -> list[Price]:
        """List what rented GPUs cost by the hour, the cheapest first, and when that was read."""
        return inn.stock.quotes.prices(gpu, provider, spot)

    @api.post("/api/recommendations")
    def recommend(wanted: ToRecommend) -> Recommended:
        """Say which model to take for a task, or which GPU for a model, and why."""
        return inn.stock.quotes.recommend(wanted)

    return api
