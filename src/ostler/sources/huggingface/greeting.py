"""One question to a hub: is it there, what time has it, and does it know our token."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

from ostler.core.reasons import root_cause
from ostler.errors import UsageError
from ostler.sources import trust

PATIENCE = 10.0  # seconds


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
        answer = httpx2.get(
            f"{endpoint.rstrip('/')}/api/whoami-v2",
            headers=headers,
            timeout=PATIENCE,
            verify=trust(),
        )
    except UsageError as error:  # certificates that cannot be read
        return Greeting(error.what)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        return Greeting(root_cause(error))
    ours, theirs = time.time(), answer.headers.get("Date")
    skewed = (ours, parsedate_to_datetime(theirs).timestamp()) if theirs else None
    name = ""
    if answer.is_success and "json" in answer.headers.get("Content-Type", ""):
        said = answer.json()
        name = str(said.get("name", "")) if isinstance(said, dict) else ""
    return Greeting("", skewed, name, bool(token) and answer.status_code in (401, 403))
