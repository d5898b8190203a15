"""The control API on a unix socket of this home, in the server's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 108


class Control(uvicorn.Server):
    """The control API's HTTP server."""

    def __init__(self, app: FastAPI, path: str) -> None:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                if not self.should_exit:
                    raise

        super().__init__(
            uvicorn.Config(
                answer,
                uds=path,
                log_level="warning",
                access_log=False,
                lifespan="off",
                forwarded_allow_ips="*",  # only the gateway can reach it, and says what is https
            )
        )
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the server, which ends in its own order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, with what is still asked: the gateway has gone, so nobody would hear an answer.

        A page that waits for news would hold the end up for half a minute.
        """
        for task in tuple(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


@contextlib.contextmanager
def socket_path(home: Path) -> Iterator[str]:
    """Yield where the control socket may be: in a folder of our own, under a path short enough."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = str(folder / "control.sock")
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ostler-") as short:
        yield str(Path(short) / "control.sock")
