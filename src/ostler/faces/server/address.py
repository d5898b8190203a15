"""Where a server listens, and how other commands of this home find it."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.errors import ServerNotRunning, UsageError
from ostler.faces.listening import address, is_loopback, listen
from ostler.store import durable

if TYPE_CHECKING:
    from ssl import SSLContext

NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask who listens everywhere


@dataclass(frozen=True, slots=True)
class Found:
    """A running server of this home."""

    host: str
    port: int
    pid: int
    key: str  # lets the owner of the home operate it; never shown
    tls: str = ""  # the file with the certificate that it shows; empty: it speaks plain HTTP

    @property
    def address(self) -> str:
        return self._at(self.host)

    @property
    def dashboard(self) -> str:
        """Where a browser of this machine finds its pages."""
        return f"{self._at(NEAR.get(self.host, self.host))}/dashboard"

    def _at(self, host: str) -> str:
        plain = address(host, self.port)
        return plain.replace("http:", "https:", 1) if self.tls else plain


def bind(host: str, port: int, has_keys: bool) -> socket.socket:
    """Return a listening socket. Raises PortInUse, and UsageError for an open address."""
    if not (has_keys or is_loopback(host)):
        raise UsageError(
            f"{host} can be reached by other machines, and no key is set.",
            hint="Make one: ostler keys create NAME. Or name a file of them: --keys FILE",
        )
    return listen(host, port)


def announce(path: Path, found: Found) -> None:
    """Write where the server is, readable by its owner alone."""
    durable.tell(path, json.dumps(asdict(found)))


def find(path: Path) -> Found | None:
    """Return the server that was announced, if its process still lives."""
    try:
        found = Found(**json.loads(path.read_text()))
        os.kill(found.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return found


def tls_of(found: Found) -> SSLContext | None:
    """Return how to speak to a server over TLS; None where it speaks without."""
    if not found.tls:
        return None
    import ssl

    try:
        context = ssl.create_default_context(cafile=found.tls)
    except OSError as error:
        raise ServerNotRunning(f"The certificate {found.tls} cannot be read: {error}.") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # ours alone; no root has to be known
    context.check_hostname = False  # its names are for callers; this asks by address
    return context
