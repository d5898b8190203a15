"""The keeper's end of the gateway: starts its workers, speaks with them, starts them again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from ostler.faces.gateway import messages as m
from ostler.faces.gateway.counts import Counts, size
from ostler.faces.server.workers import Chorus, Slots

MODEL = "model:"  # before a model's name among the slots
SHORTEST_LIFE = 1.0  # seconds; a worker that dies sooner is started again a little later
REST_SECONDS = 0.5


class Crew:
    """What workers share: the listening socket, the table of counts, certificates.

    They accept from one queue. So a connection that no worker has taken yet is lost with none of
    them, which separate queues (SO_REUSEPORT) could not promise.
    """

    def __init__(
        self, listening: socket.socket, workers: int = 1, tls: tuple[Path, Path] | None = None
    ) -> None:
        self.workers = workers
        self._listening = listening
        self._tls = tls
        self._slots = Slots()
        self._fd = _anonymous_file(size(workers))
        self.counts = Counts(self._fd, 0, workers)

    def command(self, worker: int, control: int) -> tuple[list[str], list[int]]:
        """Return a worker's argv and the files that it inherits."""
        fds = [self._listening.fileno(), control, self._fd]
        words = [sys.executable, "-m", "ostler.faces.gateway"]
        words += ["--listen-fd", str(fds[0]), "--control-fd", str(fds[1])]
        words += ["--counts-fd", str(fds[2]), "--worker", f"{worker}/{self.workers}"]
        if self._tls is not None:
            words += ["--tls-cert", str(self._tls[0]), "--tls-key", str(self._tls[1])]
        return words, fds

    def slotted(self, table: m.Table) -> m.Table:
        """Return the table with the places where its keys and models are counted."""
        return msgspec.structs.replace(table, slots=self._slots.fill(table))

    def close(self) -> None:
        """Let go of the table of counts."""
        os.close(self._fd)


def _anonymous_file(size: int) -> int:
    """Return a file without a name, for memory that processes share."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("ostler-counts")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


class GatewayLink:
    """The gateway's workers on our listening socket, and the lines to them."""

    def __init__(
        self,
        listening: socket.socket,
        heard: Callable[[m.ToKeeper], None],
        workers: int = 1,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self._crew = Crew(listening, workers, tls)
        self._chorus = Chorus()
        self._heard = heard
        self._table: m.Table | None = None
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._closing = False
        self.ready = asyncio.Event()

    def publish(self, table: m.Table) -> None:
        """Give the gateway the whole table; a later process gets the last one again."""
        self._table = self._crew.slotted(table)
        self._say(self._table)

    def refuse(self, refusal: m.Refuse) -> None:
        """Answer all requests that wait for a model."""
        self._say(refusal)

    def parked(self) -> dict[str, int]:
        """Return how many requests wait for each model."""
        counts, slots = self._crew.counts, self._table.slots if self._table else {}
        waiting = {
            name.removeprefix(MODEL): counts.parked(slot)
            for name, slot in slots.items()
            if name.startswith(MODEL)
        }
        return {model: count for model, count in waiting.items() if count}

    def tunnels(self) -> int:
        """Return how many WebSockets are open."""
        return self._crew.counts.tunnels()

    def reload(self) -> None:
        """Have the workers read their certificates again and open the access log anew."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """Let the gateway finish its streams and end; `run` returns when it has."""
        self._closing = True
        for writer in self._writers.values():
            writer.write_eof()  # their last words are still heard

    def kill(self) -> None:
        """End the workers at once, with whatever they relay."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def run(self) -> None:
        """Keep the workers running until `close`; one that dies is started again."""
        try:
            async with asyncio.TaskGroup() as lives:
                for worker in range(self._crew.workers):
                    lives.create_task(self._keep(worker))
        finally:
            self._crew.close()

    async def _keep(self, worker: int) -> None:
        clock = asyncio.get_running_loop().time
        while not self._closing:
            began = clock()
            await self._live(worker)
            if not self._closing and clock() - began < SHORTEST_LIFE:
                await asyncio.sleep(REST_SECONDS)

    async def _live(self, worker: int) -> None:
        """One worker's life, from its start to its end."""
        process, reader, writer = await self._spawn(worker)
        self._writers[worker], self._processes[worker] = writer, process
        self._chorus.join(worker)
        if self._closing:
            writer.write_eof()
        elif self._table:
            writer.write(m.encode(self._table))
        try:
            await self._listen(worker, reader)
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            del self._writers[worker], self._processes[worker]
            writer.close()
            self._crew.counts.bury(worker)
            for message in self._chorus.leave(worker):
                self._heard(message)

    async def _spawn(
        self, worker: int
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        words, fds = self._crew.command(worker, theirs.fileno())
        process = await asyncio.create_subprocess_exec(
            *words,
            pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us; we tell it when to end
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return process, reader, writer

    async def _listen(self, worker: int, reader: asyncio.StreamReader) -> None:
        lines = m.Lines()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for line in lines.feed(data):
                    for message in self._chorus.hear(worker, m.read_by_keeper(line)):
                        if isinstance(message, m.Ready):
                            self.ready.set()
                        self._heard(message)

    def _say(self, message: m.ToGateway) -> None:
        if self._closing:
            return
        line = m.encode(message)
        for writer in self._writers.values():
            if not writer.is_closing():
                writer.write(line)
