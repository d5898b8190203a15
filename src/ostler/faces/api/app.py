"""The control API's routes. The gateway relays here whatever is no inference request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ostler import __version__
from ostler.errors import OstlerError, UnknownModel
from ostler.faces.api.schemas import Loaded, Model, Models, ServerState


class Inn(Protocol):
    """What the API needs of the running server."""

    def models(self) -> Sequence[Model]: ...
    def running(self) -> Sequence[Loaded]: ...
    def state(self) -> ServerState: ...
    def canonical(self, name: str) -> str: ...
    async def load(self, name: str) -> Loaded: ...
    async def unload(self, name: str, force: bool) -> Loaded: ...
    def shut_down(self) -> None: ...


def control_app(inn: Inn) -> FastAPI:
    """Return the control API over a running server."""
    app = FastAPI(title="Ostler", version=__version__, description=__doc__ or "")
    app.middleware("http")(only_from_here)
    app.exception_handler(OstlerError)(as_envelope)
    _add_health(app, inn)
    _add_models(app, inn)
    _add_operations(app, inn)
    return app


async def only_from_here(
    request: Request, follow: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Refuse what a foreign web page makes a browser send (cross-site request forgery)."""
    origin = request.headers.get("origin")
    if origin and request.method not in ("GET", "HEAD", "OPTIONS"):
        host = request.headers.get("host", "")
        if origin.split("://", 1)[-1] != host:
            text = f"Requests from {origin} may not change anything here."
            body = {"error": {"message": text, "type": "forbidden", "code": "foreign_origin"}}
            return JSONResponse(body, status_code=403)
    return await follow(request)


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
    def models() -> Models:
        """List every model that can be asked for, loaded or not."""
        return Models(data=list(inn.models()))

    @app.get("/v1/models/{name:path}", tags=["openai"])
    def model(name: str) -> Model:
        """Describe one model."""
        wanted = inn.canonical(name)
        for one in inn.models():
            if one.id == wanted:
                return one
        raise UnknownModel(f"There is no model '{name}' here.", hint="ostler ls")


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
    async def load(name: str) -> Loaded:
        """Load a model and answer when it is ready."""
        return await inn.load(name)

    @app.post("/api/models/{name:path}/unload", tags=["operate"])
    async def unload(name: str, force: bool = False) -> Loaded:
        """Stop a model when its requests have ended; with `force`, at once."""
        return await inn.unload(name, force)

    @app.post("/api/server/stop", tags=["operate"])
    def stop() -> dict[str, str]:
        """End the server; running requests get a short grace."""
        inn.shut_down()
        return {"status": "stopping"}
