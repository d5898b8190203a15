"""Ports for engines: from a range below the ephemeral one.

The kernel takes the source port of an outgoing connection from the ephemeral range (32768 to
60999 on Linux). A port in it can make a client that polls a dead engine connect to itself.
"""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path

from ostler.errors import PortInUse, UsageError


def port_range(text: str) -> range:
    """Read `21000-21999`. Raises UsageError."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not (first.isdecimal() and last.isdecimal()):
        raise UsageError(f"A port range is written like 21000-21999, not {text!r}.")
    ports = range(int(first), int(last) + 1)
    if not ports or ports[0] < 1 or ports[-1] > 65535:
        raise UsageError(f"{text!r} is no range of ports between 1 and 65535.")
    return ports


def of_home(text: str, home: Path) -> Sequence[int]:
    """Return a range's ports in this home's own order.

    A port is seen to be free a moment before an engine takes it; homes that all began with the
    first one would take it from each other. Raises UsageError.
    """
    ports = port_range(text)
    first = zlib.crc32(str(home).encode()) % len(ports)
    return (*ports[first:], *ports[:first])


def turned(ports: Sequence[int], given: int) -> Sequence[int]:
    """Return the ports so that the one given now comes last.

    A caller may still be on its way to an engine that has just died: what answers there next must
    not be another model's.
    """
    at = ports.index(given) + 1
    return (*ports[at:], *ports[:at])


def free_port(host: str, ports: Sequence[int], taken: Collection[int] = ()) -> int:
    """Return the first of these ports that nobody listens on. Raises PortInUse."""
    for port in ports:
        if port not in taken and is_free(host, port):
            return port
    raise PortInUse(
        f"Every port from {min(ports)} to {max(ports)} is taken.",
        hint="Set OSTLER_ENGINE_PORTS to another range, for example 22000-22999.",
    )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        # As servers do: connections that linger from an earlier one do not count.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
