"""One question to a hub: is it there, what time has it, and does it know our token."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx2

from ostler.core.reasons import root_cause
from ostler.errors import UsageError
from ostler.sources import trust, whole

PATIENCE = 10.0  # seconds
LONGEST = 2**20  # bytes of an answer that names one user


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a hub answered."""

    error: str  # why it did not answer; empty where it did
    skewed: tuple[float, float] | None = None  # our clock and its, seconds since 1970
    name: str = ""  # whom it takes the token for
    refused: bool = False  # it does not know the token


def greet(endpoint: str, token: str | None) -> Greeting:
    """Ask who we are. The token goes to this hub alone, and is not sent on by a redirect."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx2.stream(
            "GET",
            f"{endpoint.rstrip('/')}/api/whoami-v2",
            headers=headers,
            timeout=PATIENCE,
            verify=trust(),
        ) as begun:
            answer = whole(begun, LONGEST)
    except UsageError as error:  # certificates that cannot be read
        return Greeting(error.what)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        return Greeting(root_cause(error))
    ours, theirs = time.time(), seconds(answer.headers.get("Date", ""))
    skewed = None if theirs is None else (ours, theirs)
    name = _name(answer) if answer.is_success else ""
    return Greeting("", skewed, name, bool(token) and answer.status_code in (401, 403))


def seconds(date: str) -> float | None:
    """Return an HTTP date in seconds since 1970; None where it is none."""
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()


def _name(answer: httpx2.Response) -> str:
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        return ""
    return str(said.get("name", "")) if isinstance(said, dict) else ""
