"""A gateway worker: `python -m ostler.faces.gateway --listen-fd N --control-fd M`.

The keeper starts it and hands it two sockets: the one callers connect to, bound already, and
one end of a pair on which both talk (see `messages`). When the keeper's end closes, the worker
lets running answers finish (`drain_seconds`) and ends. At SIGHUP it reads its certificate again,
for connections from then on, and opens its access log anew.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ostler.faces.gateway.client_side import Client
from ostler.faces.gateway.counts import Counts
from ostler.faces.gateway.keeper_link import KeeperLink
from ostler.faces.gateway.messages import Ready, Table, ToGateway
from ostler.faces.gateway.relay import Relay
from ostler.faces.gateway.tls import Certificate

ORPHAN_SECONDS = (
    3600.0  # for running answers where the keeper died: engines that outlive it finish them
)
BACKLOG = 1024
# Objects made before the cycle collector looks. A request leaves no cycle behind: there is little
# to find; the default of 700 has it look after every thirtieth request.
GARBAGE = 20_000


class Worker:
    """One gateway process from its first table to its end."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, counts: Counts, tls: Certificate | None = None
    ) -> None:
        self._keeper = os.getppid()
        self._has_table = asyncio.Event()
        self._told_to_end = asyncio.Event()
        self._link = KeeperLink(self._hear, self._told_to_end.set)
        self._relay = Relay(
            loop, self._link.tell, self._link.tell_ended, counts, over_tls=tls is not None
        )
        self._tls = tls
        loop.add_signal_handler(signal.SIGTERM, self._told_to_end.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        self._relay.journal.log.open(self._relay.limits.access_log)
        if self._tls is not None:
            self._tls.reload()

    def _hear(self, message: ToGateway) -> None:
        self._relay.hear(message)
        if isinstance(message, Table):
            self._has_table.set()

    async def run(self, listening: socket.socket, control: socket.socket) -> None:
        """Serve until the keeper hangs up or SIGTERM comes."""
        loop = asyncio.get_running_loop()
        listening.listen(BACKLOG)  # callers may connect from here on
        await loop.create_unix_connection(lambda: self._link, sock=control)
        self._link.tell(Ready(os.getpid()))
        await _first(self._has_table, self._told_to_end)
        server = await loop.create_server(
            lambda: Client(self._relay),
            sock=listening,
            backlog=BACKLOG,
            ssl=self._tls.context if self._tls is not None else None,
        )
        self._relay.sweep()
        await self._told_to_end.wait()
        server.close()
        self._relay.drain()
        orphaned = os.getppid() != self._keeper
        grace = ORPHAN_SECONDS if orphaned else self._relay.limits.drain_seconds
        with suppress(TimeoutError):
            await asyncio.wait_for(self._relay.deserted.wait(), grace)
        self._relay.close()
        self._link.close()


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a worker on the inherited sockets; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ostler.faces.gateway", description=__doc__)
    parser.add_argument("--listen-fd", type=int, required=True, help="the bound TCP socket")
    parser.add_argument("--control-fd", type=int, required=True, help="the keeper's socket pair")
    parser.add_argument("--counts-fd", type=int, default=-1, help="memory shared with the others")
    parser.add_argument("--worker", default="0/1", metavar="I/N", help="which of how many")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key, PEM")
    words = parser.parse_args(argv)
    number, _, workers = words.worker.partition("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the keeper, which ends us
    _allow_many_connections()
    gc.freeze()  # what is imported stays: the collector need not look at it again and again
    gc.set_threshold(GARBAGE, 20, 50)
    listening = socket.socket(fileno=words.listen_fd)
    control = socket.socket(fileno=words.control_fd)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        counts = Counts(words.counts_fd, int(number), int(workers))
        tls = Certificate(words.tls_cert, words.tls_key) if words.tls_cert else None
        runner.run(_serve(listening, control, counts, tls))
    return 0


async def _serve(
    listening: socket.socket, control: socket.socket, counts: Counts, tls: Certificate | None
) -> None:
    await Worker(asyncio.get_running_loop(), counts, tls).run(listening, control)


def _allow_many_connections() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform; about half again as much time per request
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
