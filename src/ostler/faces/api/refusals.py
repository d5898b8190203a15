"""How the control API says no: always `{error: {message, type, code}}`, as the OpenAI API does."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from ostler.errors import OstlerError
from ostler.faces.gateway.request import type_of

CODES = {404: "not_found", 405: "method_not_allowed", 500: "internal_error"}


class Fault(BaseModel):
    """What is wrong; `code` is a word that never changes, `hint` the next thing to try."""

    model_config = ConfigDict(extra="allow")

    message: str
    type: str
    code: str
    hint: str | None = None
    param: str | None = None  # the field that is wrong


class Envelope(BaseModel):
    """Every answer that is an error."""

    error: Fault


def install(app: FastAPI) -> None:
    """Have every error of an API shown in the envelope."""
    app.exception_handler(OstlerError)(_refused)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_plain)
    app.exception_handler(500)(_bug)


def shown(error: OstlerError) -> JSONResponse:
    """Return an error of ours as an answer."""
    body = {**error.as_dict(), "type": type_of(error.http_status)}
    return _answer(error.http_status, body)


def _answer(
    status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    return JSONResponse({"error": error, **more}, status_code=status, headers=headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OstlerError)
    return shown(error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """A body or a parameter is not as the OpenAPI document says."""
    assert isinstance(error, RequestValidationError)
    flaws = error.errors()
    first = flaws[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    body = {
        "message": f"{place or 'The body'}: {first['msg']}.",
        "type": "invalid_request_error",
        "code": "invalid_request",
        "param": place or None,
        "hint": "/openapi.json says what can be sent.",
    }
    # Lamini's clients read FastAPI's own word for it.
    kept = ("type", "loc", "msg")
    detail = [{name: flaw[name] for name in kept} for flaw in flaws]
    lamini = request.url.path.rstrip("/").endswith("/downloaded_models")
    more = {"detail": detail} if lamini else {}
    return _answer(422, body, None, **more)


async def _plain(request: Request, error: Exception) -> JSONResponse:
    """There is no such path, or not with this method."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    messages = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} cannot be asked of {request.url.path}.",
    }
    body = {
        "message": messages.get(status, str(error.detail)),
        "type": type_of(status),
        "code": CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_")),
        "hint": "/openapi.json lists what can be asked.",
    }
    return _answer(status, body, error.headers)


async def _bug(_: Request, error: Exception) -> JSONResponse:
    """A bug of ours: the caller gets the envelope, the server's output the traceback."""
    body = {
        "message": "Ostler has a bug; the server's own words say more.",
        "type": "server_error",
        "code": CODES[500],
    }
    return _answer(500, body)
