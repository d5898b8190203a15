"""Several processes that serve one port; the kernel deals out the connections.

One process moves as many bytes as one core can. The others end with the first, however it ends:
they watch a pipe that only it holds open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence

import uvicorn

from ostler.faces.listening import listen

MOST = 4  # processes; two fill a line of 40 Gbit/s


def workers() -> int:
    """Return how many processes serve here."""
    return min(MOST, os.cpu_count() or 1) if hasattr(socket, "SO_REUSEPORT") else 1


@contextlib.contextmanager
def listeners(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """Give so many sockets that listen on one port. Raises PortInUse, UsageError."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(listen(host, port))
        if count == 1:
            yield [first]
            return
        # the first one finds out whether the port is free, which sockets that share it cannot
        where, family, backlog = first.getsockname(), first.family, socket.SOMAXCONN
        first.close()
        sockets = [stack.enter_context(socket.socket(family)) for _ in range(count)]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(where)
        for one in sockets:
            one.listen(backlog)
        yield sockets


def run(
    config: uvicorn.Config, sockets: Sequence[socket.socket], ready: Callable[[], None]
) -> None:
    """Serve on each socket in a process of its own, the first one in this, until interrupted.

    `ready` is called once all of them are there.
    """
    watched, held = os.pipe()
    others = [_forked(config, one, watched, held) for one in sockets[1:]]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            ready()
            uvicorn.Server(config).run(sockets=[sockets[0]])
    finally:
        os.close(held)
        os.close(watched)
        for pid in others:
            os.waitpid(pid, 0)


def _forked(config: uvicorn.Config, listener: socket.socket, watched: int, held: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os.close(held)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve_beside(config, listener, watched))
    finally:
        os._exit(0)


async def _serve_beside(config: uvicorn.Config, listener: socket.socket, watched: int) -> None:
    """Serve until a signal, or until the first process is gone and its pipe ends."""
    server = uvicorn.Server(config)

    def gone() -> None:
        asyncio.get_running_loop().remove_reader(watched)
        server.should_exit = True

    asyncio.get_running_loop().add_reader(watched, gone)
    await server.serve(sockets=[listener])
