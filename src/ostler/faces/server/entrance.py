"""How callers come in: the socket, the processes that take them, and what those bear."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ostler.errors import UsageError
from ostler.faces.gateway.messages import Limits

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+|null")


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a server's gateway is run with."""

    listening: socket.socket  # bound
    workers: int = 1
    tls: tuple[Path, Path] | None = None  # certificate chain and private key, PEM; None: plain HTTP
    limits: Limits = field(default_factory=Limits)


def hosts(listening: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """Return the names by which callers without a key may call, beside those of the loopback."""
    return tuple(dict.fromkeys(name.strip().lower() for name in (listening, *allowed) if name))


def origins(allowed: Iterable[str], has_keys: bool) -> tuple[str, ...]:
    """Return where pages may come from, as browsers spell it. Raises UsageError."""
    found = tuple(dict.fromkeys(one.strip().lower().rstrip("/") for one in allowed if one.strip()))
    for one in found:
        if one != "*" and not ORIGIN.fullmatch(one):
            raise UsageError(
                f"{one!r} is no origin.", hint="Write it like https://chat.example or http://h:3000"
            )
    if "*" in found and not has_keys:
        raise UsageError(
            "Pages of every site may not ask a server that needs no key.",
            hint="Name the sites, or make a key: ostler keys create NAME",
        )
    return found
