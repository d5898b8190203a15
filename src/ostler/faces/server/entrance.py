"""How callers come in: the socket, the processes that take them, and what those bear."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from ostler.faces.gateway.messages import Limits


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a server's gateway is run with."""

    listening: socket.socket  # bound
    workers: int = 1
    tls: tuple[Path, Path] | None = None  # certificate chain and private key, PEM; None: plain HTTP
    limits: Limits = field(default_factory=Limits)
