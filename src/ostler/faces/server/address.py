"""Where a server listens, and how other commands of this home find it."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from ostler.errors import PortInUse, UsageError

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Found:
    """A running server of this home."""

    host: str
    port: int
    pid: int
    key: str  # lets the owner of the home operate it; never shown

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def bind(host: str, port: int, has_keys: bool) -> socket.socket:
    """Return a listening socket. Raises PortInUse, and UsageError for an open address."""
    if host not in LOOPBACK and not has_keys:
        raise UsageError(
            f"{host} can be reached by other machines, and no key is set.",
            hint="Name a file with keys: ostler serve --host ... --keys FILE  (lines of: name key)",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise PortInUse(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            hint=f"Choose another port: ostler serve --port {port + 1}",
            host=host,
            port=port,
        ) from None
    return listening


def announce(path: Path, found: Found) -> None:
    """Write where the server is, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(found), file)
    draft.replace(path)


def find(path: Path) -> Found | None:
    """Return the server that was announced, if its process still lives."""
    try:
        found = Found(**json.loads(path.read_text()))
        os.kill(found.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return found
