"""The hub as one application: who may come in, which routes there are, how it says no."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ostler.errors import OstlerError, UsageError
from ostler.faces.hub import clones, huggingface, modelscope, refusals
from ostler.faces.hub.desk import Desk, Moved, Outside
from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import Repos
from ostler.faces.hub.visitors import Door

KINDS = ("/api/models/", "/api/datasets/", "/api/spaces/")  # only models are here


def hub_app(repos: Repos, door: Door | None = None, outside: Outside | None = None) -> Starlette:
    """Return the hub as an ASGI application: an open one unless there is a door.

    `outside` is where operators' questions go on to, and where their downloads come from.
    """
    desk = Desk(repos, door or Door(), outside)
    routes: list[Route] = [
        *huggingface.routes(desk),
        *modelscope.routes(desk),
        *clones.routes(desk),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            Refusal: _refuse,
            Moved: _move,
            OstlerError: _explain,
            HTTPException: _unknown,
        },
    )
    app.router.redirect_slashes = False
    return app


def _refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return JSONResponse(
        {"error": refusal.message}, status_code=refusal.status, headers=refusal.headers
    )


def _move(request: Request, moved: Exception) -> Response:
    assert isinstance(moved, Moved)
    return RedirectResponse(moved.location, status_code=307)


def _explain(request: Request, error: Exception) -> Response:
    """What is wrong on the hub's own machine, or with the hub that it fetches from."""
    assert isinstance(error, OstlerError)
    status = 500 if isinstance(error, UsageError) else error.http_status
    headers = {"X-Error-Message": refusals.header_text(error.what)}
    return JSONResponse({"error": error.what}, status_code=status, headers=headers)


def _unknown(request: Request, error: Exception) -> Response:
    """No such route. Under a repository's address that means no such repository."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 404 and (path.startswith(KINDS) or "/resolve/" in path):
        return _refuse(request, refusals.repo_not_found())
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
