"""Several workers, TLS, and a worker that is killed: through the keeper's own link."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.faces.gateway.conftest import Puppet, ok, post

from ostler.faces.gateway import messages as m
from ostler.faces.server.link import GatewayLink
from ostler.faces.server.workers import Chorus, Slots

PATIENCE = 20.0


@asynccontextmanager
async def running(
    table: m.Table, workers: int, tls: tuple[Path, Path] | None = None
) -> AsyncIterator[tuple[GatewayLink, int, set[int]]]:
    """A link with its workers; their process ids come as they say that they are ready."""
    pids: set[int] = set()
    listening = socket.create_server(("127.0.0.1", 0))

    def heard(message: m.ToKeeper) -> None:
        if isinstance(message, m.Ready):
            pids.add(message.pid)

    link = GatewayLink(listening, heard, workers, tls)
    link.publish(table)
    life = asyncio.create_task(link.run())
    try:
        await until(lambda: len(pids) == workers)
        yield link, listening.getsockname()[1], pids
    finally:
        link.close()
        await life
        listening.close()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not what():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.01)


def ask(port: int, context: ssl.SSLContext | None = None) -> int:
    if context is None:
        wire = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    else:
        wire = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    wire.request("POST", "/v1/x", '{"model":"none"}')
    status = wire.getresponse().status
    wire.close()
    return status


def test_a_killed_worker_loses_only_its_own_requests(engine: Puppet) -> None:
    async def story() -> None:
        table = m.Table("", models={"m": m.Model("ready", backends=(engine.backend(),))})
        async with running(table, 2) as (_, port, pids):
            streams = []
            owners: set[int] = set()
            while len(owners) < 2:  # until both workers hold a request
                caller = socket.create_connection(("127.0.0.1", port))
                caller.settimeout(PATIENCE)
                caller.sendall(post({"model": "m"}))
                wire = await asyncio.to_thread(engine.accept)
                wire.message()
                owner = _owner(wire.sock.getpeername()[1], pids)
                owners.add(owner)
                streams.append((caller, wire, owner))
                assert len(streams) < 500
            victim = streams[0][2]
            first = set(pids)
            os.kill(victim, signal.SIGKILL)
            for caller, wire, owner in streams:
                if owner != victim:
                    wire.send(ok(b"fine"))
                    assert b"fine" in await asyncio.to_thread(caller.recv, 65536)
                caller.close()
            assert await asyncio.to_thread(ask, port) == 404
            await until(lambda: len(pids - first) == 1)

    asyncio.run(story())


def _owner(port: int, pids: set[int]) -> int:
    """The worker that holds this connection to the engine."""
    import psutil

    for pid in pids:
        for found in psutil.Process(pid).net_connections("tcp"):
            if found.laddr and found.laddr.port == port and found.raddr:
                return pid
    raise AssertionError(f"nobody holds port {port}")


def test_https_from_files_that_may_be_renewed(tmp_path: Path) -> None:
    chain, secret = tmp_path / "chain.pem", tmp_path / "key.pem"
    certify(chain, secret, "one")

    def trusting() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(chain))
        context.check_hostname = False
        return context

    async def story() -> None:
        async with running(m.Table(""), 1, (chain, secret)) as (link, port, pids):
            old = trusting()
            assert await asyncio.to_thread(ask, port, old) == 404
            secret.write_text("nonsense")
            link.reload()
            assert await asyncio.to_thread(ask, port, old) == 404
            certify(chain, secret, "two")
            link.reload()
            async with asyncio.timeout(PATIENCE):
                while not await asyncio.to_thread(_is_taken, port, trusting()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert len(pids) == 1

    asyncio.run(story())


def _is_taken(port: int, context: ssl.SSLContext) -> bool:
    try:
        return ask(port, context) == 404
    except ssl.SSLError:
        return False


def certify(chain: Path, secret: Path, name: str) -> None:
    words = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-keyout", str(secret), "-out", str(chain)]
    subprocess.run(["openssl", "req", "-x509", *words, *files], check=True, capture_output=True)


def test_a_backend_is_busy_while_any_worker_is() -> None:
    chorus = Chorus()
    chorus.join(0)
    chorus.join(1)
    busy, idle = m.Busy("b"), m.Idle("b")
    said = [(0, busy), (1, busy), (0, idle), (1, idle), (1, idle), (0, busy)]
    assert [chorus.hear(*one) for one in said] == [[busy], [], [], [idle], [], [busy]]
    assert chorus.leave(0) == [idle]


def test_a_table_is_taken_when_all_have_taken_it() -> None:
    chorus = Chorus()
    chorus.join(0)
    chorus.join(1)
    assert chorus.hear(0, m.Took(1)) == []
    assert chorus.hear(1, m.Took(1)) == [m.Took(1)]
    assert chorus.hear(1, m.Took(2)) == []
    assert chorus.leave(0) == [m.Took(2)]


def test_names_keep_their_places() -> None:
    slots, anna, ben = Slots(), m.Key("", "anna"), m.Key("", "ben")
    first = slots.fill(m.Table("", keys=(anna,), models={"a": m.Model("ready")}))
    again = slots.fill(m.Table("", keys=(ben, anna), models={"b": m.Model("ready")}))
    assert again["key:anna"] == first["key:anna"]
    assert len({*first.values(), *again.values()}) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_an_idle_link_closes(workers: int) -> None:
    async def story() -> None:
        async with running(m.Table(""), workers) as (_, port, _pids):
            assert await asyncio.to_thread(ask, port) == 404

    asyncio.run(story())
