"""The control API's routes. The gateway relays here whatever is no inference request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ostler import __version__
from ostler.core.keys import grants
from ostler.errors import OstlerError, UnknownModel
from ostler.faces.api import audit, keyring, lamini
from ostler.faces.api.auditing import auditing
from ostler.faces.api.callers import actor, caller, judging
from ostler.faces.api.schemas import Loaded, LoadEstimate, Model, Models, ServerState, Wished
from ostler.faces.gateway.messages import Key

if TYPE_CHECKING:
    from ostler.faces.server.books import Books


class Inn(Protocol):
    """What the API needs of the running server."""

    books: Books

    @property
    def downloads(self) -> lamini.Downloads: ...

    def models(self) -> Sequence[Model]: ...
    def running(self) -> Sequence[Loaded]: ...
    def state(self) -> ServerState: ...
    def canonical(self, name: str) -> str: ...
    async def load(self, name: str) -> Loaded: ...
    async def unload(self, name: str, force: bool) -> Loaded: ...
    async def estimate(self, name: str) -> LoadEstimate: ...
    def wished(self) -> Wished: ...
    def preload(self, models: Sequence[str]) -> Wished: ...
    def pin(self, name: str, pinned: bool) -> Wished: ...
    def wish(self, name: str, wish: dict[str, object]) -> Wished: ...
    def pool(self, name: str, pool: dict[str, object] | None) -> Wished: ...
    def shut_down(self) -> None: ...


def control_app(inn: Inn) -> FastAPI:
    """Return the control API over a running server."""
    app = FastAPI(title="Ostler", version=__version__, description=__doc__ or "")
    app.middleware("http")(auditing(inn.books.ledger))
    app.middleware("http")(judging(inn.books))
    app.exception_handler(OstlerError)(as_envelope)
    _add_health(app, inn)
    _add_models(app, inn)
    _add_operations(app, inn)
    _add_wishes(app, inn)
    app.include_router(keyring.routes(inn.books.ledger))
    app.include_router(lamini.routes(inn.downloads))
    app.include_router(audit.routes(inn.books.ledger, inn.books.metrics))
    return app


async def as_envelope(_: Request, error: Exception) -> Response:
    """Show an error of ours as the OpenAI envelope, with its stable code."""
    if not isinstance(error, OstlerError):
        raise error
    body = {**error.as_dict(), "type": error.code}
    return JSONResponse({"error": body}, status_code=error.http_status)


def _add_health(app: FastAPI, inn: Inn) -> None:
    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok"}

    @app.get("/ready", tags=["health"])
    def ready(response: Response) -> dict[str, object]:
        """Say whether a model is ready to answer, or can be loaded on request."""
        loading = [one.id for one in inn.running() if one.state in ("sizing", "starting")]
        if loading:
            response.status_code = 503
        return {"status": "loading" if loading else "ready", "loading": loading}

    @app.get("/", include_in_schema=False)
    def root() -> dict[str, str]:
        return {"name": "ostler", "version": __version__, "models": "/v1/models", "docs": "/docs"}


def _add_models(app: FastAPI, inn: Inn) -> None:
    @app.get("/v1/models", tags=["openai"])
    def models(request: Request) -> Models:
        """List every model that the caller may ask for, loaded or not."""
        key = caller(request)
        return Models(data=[one for one in inn.models() if _may(key, one)])

    @app.get("/v1/models/{name:path}", tags=["openai"])
    def model(name: str, request: Request) -> Model:
        """Describe one model."""
        wanted = inn.canonical(name)
        for one in inn.models():
            if one.id == wanted and _may(caller(request), one):
                return one
        raise UnknownModel(f"There is no model '{name}' here.", hint="ostler ls")


def _may(key: Key, model: Model) -> bool:
    return grants(key.models, (model.id, *model.aliases))


def _add_operations(app: FastAPI, inn: Inn) -> None:
    @app.get("/api/server", tags=["operate"])
    def server() -> ServerState:
        """Describe the server and its devices."""
        return inn.state()

    @app.get("/api/models", tags=["operate"])
    def running() -> list[Loaded]:
        """List what is loaded, on its way up or down, or failed."""
        return list(inn.running())

    @app.post("/api/models/{name:path}/load", tags=["operate"])
    async def load(name: str, request: Request) -> Loaded:
        """Load a model and answer when it is ready."""
        with inn.books.asked(inn.canonical(name), actor(request)):
            loaded = await inn.load(name)
        await inn.books.ledger.keep()
        return loaded

    @app.post("/api/models/{name:path}/unload", tags=["operate"])
    async def unload(name: str, request: Request, force: bool = False) -> Loaded:
        """Stop a model when its requests have ended; with `force`, at once."""
        with inn.books.asked(inn.canonical(name), actor(request)):
            unloaded = await inn.unload(name, force)
        await inn.books.ledger.keep()
        return unloaded

    @app.post("/api/server/stop", tags=["operate"])
    def stop() -> dict[str, str]:
        """End the server; running requests get a short grace."""
        inn.shut_down()
        return {"status": "stopping"}


def _add_wishes(app: FastAPI, inn: Inn) -> None:
    # What changes the fleet runs in its loop, not in a thread: therefore `async`.
    @app.get("/api/wishes", tags=["wishes"])
    def wishes() -> Wished:
        """Return the operator's wishes in force, and those that cannot be met."""
        return inn.wished()

    @app.put("/api/preload", tags=["wishes"])
    async def preload(models: list[str]) -> Wished:
        """Make this the list of models that are loaded at the start, in order, and pinned."""
        return inn.preload(models)

    @app.put("/api/models/{name:path}/pin", tags=["wishes"])
    async def pin(name: str) -> Wished:
        """Pin a model: it is kept loaded and never evicted."""
        return inn.pin(name, True)

    @app.delete("/api/models/{name:path}/pin", tags=["wishes"])
    async def unpin(name: str) -> Wished:
        """Let a model go when its room is needed."""
        return inn.pin(name, False)

    @app.patch("/api/models/{name:path}/wish", tags=["wishes"])
    async def wish(name: str, wish: dict[str, object]) -> Wished:
        """Wish something for a model; null takes a wish back."""
        return inn.wish(name, wish)

    @app.put("/api/pools/{name}", tags=["wishes"])
    async def pool(name: str, pool: dict[str, object]) -> Wished:
        """Set a pool's devices and its part of their memory."""
        return inn.pool(name, pool)

    @app.delete("/api/pools/{name}", tags=["wishes"])
    async def dissolve(name: str) -> Wished:
        """Dissolve a pool; its models stay where they are."""
        return inn.pool(name, None)

    @app.get("/api/models/{name:path}/estimate", tags=["operate"])
    async def estimate(name: str) -> LoadEstimate:
        """Say what a load would take in memory and time."""
        return await inn.estimate(name)
