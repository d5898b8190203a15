"""Run the hub for other machines."""

from __future__ import annotations

from collections.abc import Callable, Collection

import uvicorn

from ostler.errors import UsageError
from ostler.faces.hub.app import hub_app
from ostler.faces.hub.desk import Outside
from ostler.faces.hub.repos import Repos
from ostler.faces.hub.sending import SendfileProtocol
from ostler.faces.hub.visitors import Door
from ostler.faces.hub.workers import listeners, run, workers
from ostler.faces.listening import address, is_loopback

GRACE = 2  # seconds that downloads under way get at the end; clients resume what is cut


def serve(
    repos: Repos,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tokens: Collection[str] = (),
    operators: Collection[str] = (),
    anyone: bool = False,
    outside: Outside | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until interrupted; `ready` is told the address once clients can connect.

    With `tokens`, only their holders are served, unless `anyone` may read what is public. With
    `outside`, holders of `operators` make the hub download what it lacks; on a loopback address
    without any, everyone may, since everyone there is a user of this machine.
    Port 0 is any free port. Raises PortInUse, and UsageError on an address that other machines
    reach with neither tokens nor `anyone`, or with `outside` and no operators.
    """
    local = is_loopback(host)
    if not (tokens or operators or anyone or local):
        raise UsageError(
            f"{host} can be reached from other machines, and anyone there could read every model.",
            hint="Give a token that they must send, or say that anyone may read.",
        )
    if outside and not (operators or local):
        raise UsageError(
            f"{host} can be reached from other machines, and nobody is named who may download.",
            hint="Give --operators FILE, with the tokens of those who may.",
        )
    door = Door(
        frozenset(tokens),
        closed=bool(tokens or not local) and not anyone,
        operators=frozenset(operators),
        all_operate=local and not operators,
    )
    app = hub_app(repos, door, outside)
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
    # a mirror is one process, so that whoever asks for a file can follow the one download of it
    with listeners(host, port, 1 if outside else workers()) as sockets:
        run(config, sockets, lambda: ready(address(*sockets[0].getsockname()[:2])))
