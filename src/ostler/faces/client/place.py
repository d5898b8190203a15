"""Where the server is, and with which key it is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ostler.errors import ServerNotRunning
from ostler.faces.server.address import find
from ostler.settings import load

PATIENCE = 600.0  # seconds without a byte; a large model takes minutes to load


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and what it is asked with. The key is never shown."""

    url: str
    key: str | None
    ca: str | None = None  # a file with the certificate to trust

    def __repr__(self) -> str:
        return f"Place({self.url!r})"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def place(url: str | None, key: str | None, home: str | os.PathLike[str] | None) -> Place:
    """Return the server to ask: as given, else OSTLER_URL, else the one that runs in this home.

    The key is that given, else OSTLER_API_KEY, else the one that lets a home's owner operate its
    server. Raises ServerNotRunning where nothing says which server.
    """
    url = url or os.environ.get("OSTLER_URL")
    key = key or os.environ.get("OSTLER_API_KEY")
    if url:
        return Place(url.rstrip("/").removesuffix("/v1"), key)
    folder = Path(home) if home else load().home
    found = find(folder / "run" / "serve.json")
    if found is None:
        raise ServerNotRunning(
            f"No server runs for {folder}.", hint="ostler serve; or name one: OSTLER_URL"
        )
    return Place(found.address, key or found.key, found.tls or None)
