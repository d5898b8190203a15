"""What clients send along with a question: never more than one can need."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from ostler.faces.hub.refusals import Refusal

LONGEST = 1024 * 1024  # bytes; git-lfs asks for 100 objects at once, hub clients for 2,000 paths


async def body(request: Request) -> bytes:
    """Return what was sent. Raises Refusal (413) where it is longer than LONGEST."""
    sent = bytearray()
    async for chunk in request.stream():
        sent += chunk
        if len(sent) > LONGEST:
            raise too_long()
    return bytes(sent)


def read(sent: bytes) -> Any:
    """Return what JSON says. Raises ValueError where it is none, or too deep to be a question."""
    try:
        return json.loads(sent)
    except RecursionError:
        raise ValueError("it is too deep") from None


def too_long() -> Refusal:
    """Return the refusal of a question that is too long."""
    return Refusal(413, f"more than {LONGEST} bytes")
