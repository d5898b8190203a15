"""What an operation asks for, step by step; who carries the steps out may wait or await.

An operation is a generator: it yields what it needs (an answer of the server, a pause) and
returns its result. So each is written once, for callers with and without asyncio.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from ostler.errors import OstlerError, from_code

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the server. The body, where there is one, is JSON."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int | float] | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """A pause, in seconds."""

    seconds: float


Steps = Generator[Ask | Rest, Any, T]


def path(*parts: str) -> str:
    """Return a path of the API; a model's slashes stay, everything else in it is quoted."""
    return "/" + "/".join(quote(part, safe="/") for part in parts)


def read(status: int, content: bytes) -> Any:
    """Return what the server said. Raises the refusal that it names."""
    try:
        said = json.loads(content) if content else None
    except ValueError:
        said = None
    if status < 400:
        return said
    raise refusal(status, said)


def refusal(status: int, said: Any) -> OstlerError:
    """Return an answer's error as the refusal that its code names."""
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        return OstlerError(f"The server answered {status}.")
    what = str(error.get("message") or f"The server answered {status}.")
    return from_code(str(error.get("code") or ""), what, str(error.get("hint") or ""))
