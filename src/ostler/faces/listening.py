"""Listening for other programs: one way to bind, and one way to say why it failed."""

from __future__ import annotations

import errno
import ipaddress
import socket

from ostler.core.reasons import why
from ostler.errors import PortInUse, UsageError

MOST = 65535
BACKLOG = 1024  # connections that may wait to be accepted; a crowd asks at the same moment


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one. Raises PortInUse, UsageError."""
    if not 0 <= port <= MOST:  # the system would take it modulo 65536
        raise UsageError(f"{port} is no port.", hint=f"Ports are 0 to {MOST}; 0 is any free one.")
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError) as error:
        raise UsageError(f"{host}:{port} is no address of this machine: {why(error)}.") from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Another program listens on {host}:{port}.",
                hint="Choose another with --port, or --port 0 for any that is free.",
                host=host,
                port=port,
            ) from None
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    return listener


def address(host: str, port: int) -> str:
    """Write an address as clients take it; IPv6 in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
