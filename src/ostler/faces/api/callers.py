"""Who asks the control API, and whether they may. The gateway passes a caller's key on to here."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from fastapi import Request, Response

from ostler.core.keys import require_operator
from ostler.errors import AuthRequired, OstlerError
from ostler.faces.api.refusals import shown
from ostler.faces.gateway.messages import Key

# What changes the server or tells of others is an operator's. What is not named here and not
# guarded by the gateway either (health, the API's own description) is anybody's.
OPERATORS = ("/api", "/estimate", "/v1/downloaded_models", "/v1alpha")
ANY_KEY = ("/v1", "/metrics", "/models")
# What every key may ask, though it lies among the operators'.
ABOUT_ITSELF = ("/api/caller", "/api/dashboard/tickets")
NOBODY = Key("", "", "operator")  # where no key is needed, everybody on this machine operates


class Door(Protocol):
    """What must be known to judge a caller."""

    def keys(self) -> Mapping[str, Key]:
        """The keys in force by their SHA-256; empty where none is needed."""
        ...


Follow = Callable[[Request], Awaitable[Response]]


def judging(door: Door) -> Callable[[Request, Follow], Awaitable[Response]]:
    """Return the middleware that finds out who asks, and refuses who may not."""

    async def judge(request: Request, follow: Follow) -> Response:
        try:
            request.state.caller = judged(door.keys(), request.url.path, request.headers)
        except OstlerError as error:
            return shown(error)
        return await follow(request)

    return judge


def judged(keys: Mapping[str, Key], path: str, headers: Mapping[str, str]) -> Key:
    """Return the caller's key. Raises AuthRequired, Forbidden."""
    if not keys:
        return NOBODY
    key = keys.get(hashlib.sha256(shown_key(headers).encode()).hexdigest())
    if key is None:
        if not below(path, (*OPERATORS, *ANY_KEY)):
            return NOBODY
        raise AuthRequired(
            "This address needs a key, and the request brought none that it knows.",
            hint="Send `Authorization: Bearer KEY`; `ostler keys create NAME` makes one.",
        )
    if below(path, OPERATORS) and not below(path, ABOUT_ITSELF):
        require_operator(key.role, key.name)
    return key


def caller(request: Request) -> Key:
    """Return who asks, as the middleware found."""
    key: Key = request.state.caller
    return key


def actor(request: Request) -> str:
    """Return who asks, as the history names them: `key:anna`, or `api` where no key is needed."""
    name = caller(request).name
    return f"key:{name}" if name else "api"


def below(path: str, roots: tuple[str, ...]) -> bool:
    """Say whether a path is one of these or lies under one."""
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def shown_key(headers: Mapping[str, str]) -> str:
    """Return the key that a request brings; empty where it brings none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
