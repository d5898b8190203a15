"""How commands speak to the server that runs for this home."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote

from ostler.errors import OstlerError, ServerNotRunning, UsageError, from_code
from ostler.faces.server.address import Found, find, tls_of
from ostler.settings import Settings

PATIENCE = 600.0  # seconds; loading a large model takes minutes


def running(settings: Settings) -> Found | None:
    """Return the server of this home, None where none runs."""
    return find(settings.run_dir / "serve.json")


def needed(settings: Settings) -> Found:
    """Return the server of this home. Raises ServerNotRunning."""
    found = running(settings)
    if not found:
        raise ServerNotRunning(f"No server runs for {settings.home}.", hint="ostler serve")
    return found


def model_path(model: str, verb: str) -> str:
    """Return the control API's path for an act on a model. Raises UsageError for no name."""
    if not model.strip():
        raise UsageError("No model is named.", hint="`ostler ls` lists those that are kept.")
    return quoted(f"/api/models/{model}/{verb}")


def quoted(path: str) -> str:
    """Return a path of the API as it goes into a request: a model's name may have a `#`."""
    return quote(path, safe="/")


def ask(found: Found, method: str, path: str, value: Any = None, patience: float = PATIENCE) -> Any:
    """Return the server's answer. Raises ServerNotRunning, and whatever the server refuses with."""
    connection = _connection(found, patience)
    try:
        text = None if value is None else json.dumps(value)
        headers = {"Authorization": f"Bearer {found.key}", "Content-Type": "application/json"}
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServerNotRunning(
            f"The server at {found.address} does not answer: {error}.",
            hint="`ostler serve` starts one.",
        ) from None
    finally:
        connection.close()
    if answer.status >= 400:
        raise _refusal(body, answer.status)
    return body


def _connection(found: Found, patience: float) -> http.client.HTTPConnection:
    """Return a connection to it; over TLS it must show the very certificate that it announced."""
    context = tls_of(found)
    if context is None:
        return http.client.HTTPConnection(found.host, found.port, timeout=patience)
    return http.client.HTTPSConnection(found.host, found.port, timeout=patience, context=context)


def _refusal(body: Any, status: int) -> OstlerError:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return OstlerError(f"The server answered {status}.")
    return from_code(str(error.get("code")), str(error.get("message")), str(error.get("hint", "")))
