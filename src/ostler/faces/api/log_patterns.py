"""The route that says what an engine's log holds that is known to mean something."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ostler.core.diagnosis import named
from ostler.faces.api.inn import Inn
from ostler.nouns import Diagnosis
from ostler.verbs.scanning import scanned


class Line(BaseModel):
    """A line of a log. `at` is in seconds since 1970, None where the log does not say."""

    line: int
    at: float | None
    text: str


class Pattern(BaseModel):
    """Something that is known to mean something, and where the log says it."""

    cause: str
    what: str
    advice: str
    count: int
    first: Line
    last: Line


class Patterns(BaseModel):
    """What was found in the end of a log. Line numbers are those of the part that was read."""

    model: str
    engine: str | None
    bytes_read: int
    bytes_before: int
    patterns: list[Pattern]


def routes(inn: Inn) -> APIRouter:
    """Return the route over a running server."""
    api = APIRouter(tags=["watch"])

    @api.get("/api/models/{name:path}/log/patterns")
    async def patterns(
        name: str,
        replica: int = Query(1, ge=1, le=64),
        since: float | None = Query(None, ge=0, description="Of the last so many seconds."),
    ) -> Patterns:
        """Say what an engine's log holds that is known to mean something, such as a GPU's errors.

        It is for people: no state follows from it.
        """
        model = inn.canonical(name)
        path = inn.logs.path(model, replica)
        earliest = None if since is None else time.time() - since
        found = await asyncio.to_thread(scanned, path, inn.logs.engines(), earliest)
        return Patterns(
            model=model,
            engine=found.engine,
            bytes_read=found.bytes_read,
            bytes_before=found.bytes_before,
            patterns=[
                Pattern(
                    cause=one.cause,
                    what=one.what,
                    advice=named(Diagnosis(one.cause, one.what, one.advice), model).advice,
                    count=one.count,
                    first=Line(line=one.first.line, at=one.first.at, text=one.first.text),
                    last=Line(line=one.last.line, at=one.last.at, text=one.last.text),
                )
                for one in found.findings
            ],
        )

    return api
