"""What operators ask of the fleet: see it, load, unload, deploy, estimate, end it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ostler.errors import UnknownModel
from ostler.faces.api.callers import actor
from ostler.faces.api.inn import Inn
from ostler.faces.api.schemas import (
    Deployed,
    Deployment,
    Estimated,
    Fleet,
    Loaded,
    LoadEstimate,
    ServerState,
    ToEstimate,
)


def routes(inn: Inn) -> APIRouter:
    """Return the routes over a running server."""
    api = APIRouter(tags=["operate"])

    @api.get("/api/server")
    def server() -> ServerState:
        """Describe the server and its devices."""
        return inn.state()

    @api.get("/api/fleet")
    def fleet() -> Fleet:
        """Show everything that runs: devices with their room, models with their engines."""
        return Fleet(**dict(inn.state()), models=list(inn.running()))

    @api.get("/api/models")
    def running() -> list[Loaded]:
        """List what is loaded, on its way up or down, or failed."""
        return list(inn.running())

    @api.post("/api/models/{name:path}/load")
    async def load(
        name: str, request: Request, seconds: Annotated[float | None, Query(gt=0)] = None
    ) -> Loaded:
        """Load a model and answer when it is ready; it ends after `seconds`, if they are given."""
        with inn.books.asked(inn.canonical(name), actor(request)):
            loaded = await inn.load(name, seconds)
        await inn.books.ledger.keep()
        return loaded

    @api.post("/api/models/{name:path}/unload")
    async def unload(name: str, request: Request, force: bool = False) -> Loaded:
        """Stop a model when its requests have ended; with `force`, at once."""
        with inn.books.asked(inn.canonical(name), actor(request)):
            unloaded = await inn.unload(name, force)
        await inn.books.ledger.keep()
        return unloaded

    @api.get("/api/models/{name:path}/estimate")
    async def load_estimate(name: str) -> LoadEstimate:
        """Say what a load would take in memory and time, as the model is wished here."""
        return await inn.estimate(name)

    @api.post("/api/estimates")
    @api.post("/estimate", include_in_schema=False)
    async def estimate(asked: ToEstimate) -> Estimated:
        """Say what a deployment would need, the room on the best device, and whether it fits."""
        return await inn.estimated(asked.model, asked.model_dump(exclude={"model"}))

    @api.post("/api/server/stop")
    def stop() -> dict[str, str]:
        """End the server; running requests get a short grace."""
        inn.shut_down()
        return {"status": "stopping"}

    return api


def deployments(inn: Inn) -> APIRouter:
    """Return the routes for deployments: models that are wished to run, with their addresses."""
    api = APIRouter(prefix="/api/deployments", tags=["deployments"])

    def find(name: str) -> Deployment:
        wanted = inn.canonical(name)
        for one in inn.deployments():
            if one.model == wanted:
                return one
        raise UnknownModel(f"{wanted} is not deployed.", hint="GET /api/deployments lists them.")

    @api.get("")
    def every() -> list[Deployment]:
        """List the models that are loaded, on their way, pinned, or wished otherwise."""
        return list(inn.deployments())

    @api.get("/{name:path}")
    def one(name: str) -> Deployment:
        """Describe one deployment."""
        return find(name)

    @api.post("", status_code=201)
    async def deploy(wanted: Deployed, request: Request, response: Response) -> Deployment:
        """Wish a model as given and load it; 201 when it is ready, 202 with `wait` false."""
        model = inn.canonical(wanted.model)
        wish = wanted.model_dump(exclude={"model", "wait"}, exclude_unset=True)
        with inn.books.asked(model, actor(request)):
            if wish:
                inn.wish(model, wish)
            if wanted.wait:
                await inn.load(model)
            else:
                inn.begin(model)
                response.status_code = 202
        await inn.books.ledger.keep()
        return find(model)

    @api.delete("/{name:path}")
    async def end(name: str, request: Request, force: bool = False) -> Loaded:
        """Unpin a model and stop it when its requests have ended; with `force`, at once."""
        model = inn.canonical(name)
        with inn.books.asked(model, actor(request)):
            inn.pin(model, False)
            ended = await inn.unload(model, force)
        await inn.books.ledger.keep()
        return ended

    return api
