"""Every change that the control API was asked for goes into the history, also of routes to come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from fastapi import Request, Response

from ostler.faces.api.callers import OPERATORS, actor, below
from ostler.nouns import Event

READING = ("GET", "HEAD", "OPTIONS")
# These are asked by POST and change nothing.
CHANGES_NOTHING = (
    "/estimate", "/api/estimates", "/api/fits", "/api/recommendations", "/api/pulls/plan",
)  # fmt: skip
# These tell of themselves: keys, what is removed and brought back, and work when it has ended.
TELLS = (
    "/api/keys", "/api/store", "/api/trash", "/api/archived", "/api/quantizations",
    "/api/additions", "/api/samples", "/api/sync",
)  # fmt: skip

Follow = Callable[[Request], Awaitable[Response]]


class Book(Protocol):
    """Where events are written."""

    def happened(self, events: Iterable[Event]) -> None:
        """Take events; they are written with the next batch."""
        ...


def auditing(book: Book) -> Callable[[Request, Follow], Awaitable[Response]]:
    """Return the middleware that tells of operators' changes which no route tells of itself."""

    async def audit(request: Request, follow: Follow) -> Response:
        answer = await follow(request)
        if changes(request.method, request.url.path) and answer.status_code < 400:
            subject = f"{request.method} {request.url.path}"
            book.happened([Event("api", subject, actor(request))])
        return answer

    return audit


def changes(method: str, path: str) -> bool:
    """Say whether a request changes something that is told of nowhere else.

    Loads and unloads are told of when they have happened.
    """
    told = below(path, (*TELLS, *CHANGES_NOTHING)) or path.endswith(("/load", "/unload"))
    return method not in READING and below(path, OPERATORS) and not told
