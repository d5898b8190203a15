"""Run the hub for other machines."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Callable, Collection

import uvicorn

from ostler.errors import PortInUse, UsageError
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.repos import Repos

GRACE = 2  # seconds that downloads under way get at the end; clients resume what is cut


def serve(
    repos: Repos,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tokens: Collection[str] = (),
    anyone: bool = False,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until interrupted; `ready` is told the address once clients can connect.

    With `tokens`, only their holders are served, unless `anyone` may read what is public.
    Port 0 is any free port. Raises PortInUse, and UsageError on an address that other machines
    reach with neither tokens nor `anyone`.
    """
    if not (tokens or anyone or _loopback(host)):
        raise UsageError(
            f"{host} can be reached from other machines, and anyone there could read every model.",
            hint="Give a token that they must send, or say that anyone may read.",
        )
    app = hub_app(repos, tokens=tokens, closed=bool(tokens) and not anyone)
    # no log of requests: the operator sees the address, clients see their own errors
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    with bind(host, port) as listener:
        ready(address_of(listener))
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that already listens. Raises PortInUse, UsageError."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, OverflowError) as error:
        raise UsageError(f"{host}:{port} is no address of this machine: {error}.") from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Another program listens on {host}:{port}.",
                hint="Choose another port, or --port 0 for any that is free.",
                host=host,
                port=port,
            ) from None
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    return listener


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
