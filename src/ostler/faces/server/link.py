"""The keeper's end of the gateway: starts its process, speaks with it, starts it again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable

from ostler.faces.gateway import messages as m


class GatewayLink:
    """One gateway process on our listening socket, and the line to it."""

    def __init__(self, listening: socket.socket, heard: Callable[[m.ToKeeper], None]) -> None:
        self._listening = listening
        self._heard = heard
        self._table: m.Table | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._closing = False
        self.ready = asyncio.Event()

    def publish(self, table: m.Table) -> None:
        """Give the gateway the whole table; a later process gets the last one again."""
        self._table = table
        self._say(table)

    def refuse(self, refusal: m.Refuse) -> None:
        """Answer all requests that wait for a model."""
        self._say(refusal)

    def close(self) -> None:
        """Let the gateway finish its streams and end; `run` returns when it has."""
        self._closing = True
        if self._writer:
            self._writer.close()

    async def run(self) -> None:
        """Keep a gateway running until `close`; one that dies is started again."""
        while not self._closing:
            process, reader, self._writer = await self._spawn()
            if self._table:
                self._say(self._table)
            try:
                await self._listen(reader)
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _spawn(
        self,
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        fds = (self._listening.fileno(), theirs.fileno())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ostler.faces.gateway"),
            *("--listen-fd", str(fds[0]), "--control-fd", str(fds[1])),
            pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us; we tell it when to end
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return process, reader, writer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        lines = m.Lines()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for line in lines.feed(data):
                    message = m.read_by_keeper(line)
                    if isinstance(message, m.Ready):
                        self.ready.set()
                    self._heard(message)

    def _say(self, message: m.ToGateway) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(m.encode(message))
