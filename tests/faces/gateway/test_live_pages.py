"""What keeps a page of the dashboard live: socket.io through several workers, over TLS as well."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
import socketio
from fastapi import FastAPI, Request
from tests.faces.gateway.test_workers import PATIENCE, certify, running, until

from ostler.faces.gateway import messages as m
from ostler.faces.server.control import Control

SOCKET_IO = "/dashboard/live/socket.io"
SECRET = m.Key("0" * 64, "somebody")


def pages() -> tuple[FastAPI, socketio.AsyncServer]:
    """An application with what a live page needs, in the place of the control API."""
    app, server = FastAPI(), socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
    app.mount("/dashboard/live", socketio.ASGIApp(server, socketio_path=SOCKET_IO))

    @server.event  # type: ignore[untyped-decorator]
    async def say(sid: str, words: str) -> None:
        await server.emit("said", words, to=sid)

    @app.get("/dashboard/scheme")
    def scheme(request: Request) -> list[str]:
        return [request.url.scheme, *request.headers.getlist("x-forwarded-proto")]

    return app, server


@asynccontextmanager
async def serving(app: FastAPI, path: str) -> AsyncIterator[None]:
    control = Control(app, path)
    life = asyncio.create_task(control.serve())
    await control.up.wait()
    yield
    control.should_exit = True
    await life


async def talked(client: socketio.AsyncClient, address: str, *transports: str) -> list[str]:
    """Connect, say some things, and return what came back."""
    heard: list[str] = []
    client.on("said", heard.append)
    await client.connect(address, transports=list(transports), socketio_path=SOCKET_IO)
    wanted = [f"{number} {'x' * number * 4000}" for number in range(12)]
    for words in wanted:
        await client.emit("say", words)
    await until(lambda: len(heard) >= len(wanted))
    assert heard == wanted
    return heard


@pytest.mark.parametrize(
    "transports", [("polling",), ("websocket",), ("polling", "websocket")], ids=" then ".join
)
def test_a_session_stays_whole_over_two_workers(
    tmp_path: Path, transports: tuple[str, ...]
) -> None:
    app, _ = pages()
    path = str(tmp_path / "control.sock")

    async def story() -> None:
        async with serving(app, path), running(m.Table(path, keys=(SECRET,)), 2) as (link, port, _):
            async with AsyncExitStack() as stack:
                clients = []
                for _ in range(6):
                    http = await stack.enter_async_context(aiohttp.ClientSession())
                    clients.append(socketio.AsyncClient(reconnection=False, http_session=http))
                await asyncio.gather(
                    *(talked(one, f"http://127.0.0.1:{port}", *transports) for one in clients)
                )
                sockets = len(clients) if "websocket" in transports else 0
                await until(lambda: link.tunnels() == sockets)
                for one in clients:
                    await one.eio.disconnect(abort=True)  # else it waits for its latest poll
            await until(lambda: link.tunnels() == 0)

    asyncio.run(story())


def test_a_poll_that_hangs_is_answered_when_there_is_news(tmp_path: Path) -> None:
    app, server = pages()
    path = str(tmp_path / "control.sock")

    async def story() -> None:
        async with serving(app, path), running(m.Table(path), 2) as (_, port, _):
            address = f"http://127.0.0.1:{port}{SOCKET_IO}/?EIO=4&transport=polling"
            async with aiohttp.ClientSession() as http:
                opened = await (await http.get(address)).text()
                sid = opened.partition('"sid":"')[2].partition('"')[0]
                mine = f"{address}&sid={sid}"
                assert await (await http.post(mine, data="40")).text() == "OK"
                assert (await (await http.get(mine)).text()).startswith("40")
                hanging = asyncio.create_task(http.get(mine))
                done, _ = await asyncio.wait([hanging], timeout=0.3)
                assert not done, "nothing has happened yet"
                await server.emit("said", "news")
                async with asyncio.timeout(PATIENCE):
                    assert await (await hanging).text() == '42["said","news"]'

    asyncio.run(story())


def test_over_tls_the_control_api_knows_it_and_sockets_open(tmp_path: Path) -> None:
    chain, secret = tmp_path / "chain.pem", tmp_path / "key.pem"
    certify(chain, secret, "one")
    app, _ = pages()
    path = str(tmp_path / "control.sock")
    context = ssl.create_default_context(cafile=str(chain))
    context.check_hostname = False

    async def story() -> None:
        table = m.Table(path, keys=(SECRET,))
        async with serving(app, path), running(table, 1, (chain, secret)) as (_, port, _):
            connector: Any = aiohttp.TCPConnector(ssl=context)
            async with aiohttp.ClientSession(connector=connector) as http:
                address = f"https://127.0.0.1:{port}"
                forged = {"X-Forwarded-Proto": "http"}
                async with http.get(f"{address}/dashboard/scheme", headers=forged) as answer:
                    assert await answer.json() == ["https", "https"]
                client = socketio.AsyncClient(reconnection=False, http_session=http)
                await talked(client, address, "websocket")
                await client.disconnect()

    asyncio.run(story())


def test_the_end_waits_for_no_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app, _ = pages()
    path = str(tmp_path / "control.sock")

    async def story() -> float:
        async with serving(app, path), aiohttp.ClientSession() as http:
            async with running(m.Table(path), 1) as (_, port, _):
                address = f"http://127.0.0.1:{port}{SOCKET_IO}/?EIO=4&transport=polling"
                opened = await (await http.get(address)).text()
                sid = opened.partition('"sid":"')[2].partition('"')[0]
                await (await http.post(f"{address}&sid={sid}", data="40")).text()
                await (await http.get(f"{address}&sid={sid}")).text()
                hanging = asyncio.create_task(http.get(f"{address}&sid={sid}"))
                await asyncio.wait([hanging], timeout=0.3)
                began = monotonic()
            answer = await hanging
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "ending")
        return monotonic() - began

    assert asyncio.run(story()) < 12, "the poll would hang for 25 s"
    assert capfd.readouterr().err == ""
