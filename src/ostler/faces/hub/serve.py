"""Run the hub for other machines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection

import uvicorn

from ostler.errors import UsageError
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.repos import Repos
from ostler.faces.hub.sending import SendfileProtocol
from ostler.faces.listening import address, is_loopback, listen

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
    if not (tokens or anyone or is_loopback(host)):
        raise UsageError(
            f"{host} can be reached from other machines, and anyone there could read every model.",
            hint="Give a token that they must send, or say that anyone may read.",
        )
    app = hub_app(repos, tokens=tokens, closed=bool(tokens) and not anyone)
    # no log of requests: the operator sees the address, clients see their own errors
    config = uvicorn.Config(
        app,
        http=SendfileProtocol,
        loop="asyncio",  # uvloop has no sendfile
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    with listen(host, port) as listener:
        ready(address(*listener.getsockname()[:2]))
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
