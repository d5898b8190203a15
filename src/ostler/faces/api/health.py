"""Whether the server and its models can answer, and which models there are."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ostler.core.keys import grants
from ostler.errors import UnknownModel
from ostler.faces.api.callers import caller
from ostler.faces.api.inn import Inn
from ostler.faces.api.schemas import Model, Models
from ostler.faces.gateway.messages import Key
from ostler.version import __version__


def routes(inn: Inn) -> APIRouter:
    """Return the routes for probes; they are open to all, as probes have no key."""
    api = APIRouter(tags=["health"])

    def records() -> str:
        """Models answer without them too, so a probe is told and nobody is sent away."""
        return "unavailable" if inn.books.ledger.trouble else "ok"

    @api.get("/health")
    def health() -> dict[str, str]:
        """Say that the server answers, and whether its records can be used."""
        return {"status": "ok", "records": records()}

    @api.get("/ready")
    def ready(response: Response) -> dict[str, object]:
        """Say whether the models that are to be up from the start are; others come on request."""
        loading = inn.state().loading
        if loading:
            response.status_code = 503
        status = "loading" if loading else "ready"
        return {"status": status, "loading": loading, "records": records()}

    @api.get("/", include_in_schema=False)
    def root(request: Request, response: Response) -> object:
        response.headers["vary"] = "accept"
        a_person = "text/html" in request.headers.get("accept", "")  # with a browser
        if a_person and inn.state().dashboard:
            return RedirectResponse("/dashboard/", 303, {"vary": "accept"})
        return {"name": "ostler", "version": __version__, "models": "/v1/models", "docs": "/docs"}

    return api


def listing(inn: Inn) -> APIRouter:
    """Return the routes that list models as the OpenAI API does, and tell each one's health."""
    api = APIRouter(tags=["openai"])

    def find(name: str, request: Request) -> Model:
        wanted = inn.canonical(name)
        for one in inn.models():
            if one.id == wanted and _may(caller(request), one):
                return one
        raise UnknownModel(f"There is no model '{name}' here.", hint="ostler ls")

    @api.get("/v1/models")
    def models(request: Request) -> Models:
        """List every model that the caller may ask for, loaded or not."""
        key = caller(request)
        return Models(data=[one for one in inn.models() if _may(key, one)])

    @api.get("/v1/models/{name:path}")
    def model(name: str, request: Request) -> Model:
        """Describe one model."""
        return find(name, request)

    @api.get("/models/{name:path}/health")
    def health_of(name: str, request: Request, response: Response) -> dict[str, str]:
        """Say whether one model is ready; 503 where it is not (it may be loaded by a request)."""
        one = find(name, request)
        if one.state != "ready":
            response.status_code = 503
        return {"model": one.id, "status": "ok" if one.state == "ready" else one.state}

    return api


def _may(key: Key, model: Model) -> bool:
    return grants(key.models, (model.id, *model.aliases))
