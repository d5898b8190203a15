"""The control API put together. The gateway relays here whatever is no inference request."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from ostler.faces.api import (
    audit,
    finding,
    fitting,
    health,
    keyring,
    lamini,
    log_patterns,
    looking,
    operating,
    own_key,
    pulling,
    refusals,
    storing,
    watching,
    wishing,
    working,
)
from ostler.faces.api.auditing import auditing
from ostler.faces.api.callers import judging
from ostler.faces.api.inn import Inn
from ostler.version import __version__

DESCRIPTION = """Operate Ostler: its models, downloads, deployments, keys and records.

Inference requests (`/v1/chat/completions` and the like) go past this to the engines.
"""
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": refusals.Envelope, "description": "Refused: `code` and `message` say why."},
    "5XX": {"model": refusals.Envelope, "description": "It went wrong: `code` says what."},
    422: {"model": refusals.Envelope, "description": "What was sent is not as described here."},
}


def control_app(inn: Inn) -> FastAPI:
    """Return the control API over a running server."""
    app = FastAPI(title="Ostler", version=__version__, description=DESCRIPTION, responses=ERRORS)
    app.middleware("http")(auditing(inn.books.ledger))
    app.middleware("http")(judging(inn.books))
    refusals.install(app)
    app.include_router(health.routes(inn))
    app.include_router(health.listing(inn))
    app.include_router(operating.deployments(inn))
    app.include_router(watching.routes(inn))
    app.include_router(log_patterns.routes(inn))
    app.include_router(operating.routes(inn))
    app.include_router(wishing.routes(inn))
    app.include_router(storing.routes(inn))
    app.include_router(working.routes(inn))
    app.include_router(finding.routes(inn))
    app.include_router(fitting.routes(inn))
    app.include_router(looking.routes(inn))
    app.include_router(pulling.routes(inn))
    app.include_router(keyring.routes(inn.books.ledger))
    app.include_router(own_key.routes())
    app.include_router(lamini.routes(inn.downloads))
    app.include_router(audit.routes(inn.books.ledger, inn.books.metrics))
    return app
