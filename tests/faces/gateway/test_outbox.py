"""What goes out at the end of a turn keeps its order with what goes out at once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tests.faces.gateway.conftest import ok, post

from ostler.faces.gateway.client_side import Client
from ostler.faces.gateway.messages import Backend, Model, Table
from ostler.faces.gateway.outbox import Outbox
from ostler.faces.gateway.relay import Relay
from ostler.faces.gateway.upstream import Upstream

CALL = post({"model": "m"})
UNKNOWN = post({"model": "nope"})


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    def nothing(self) -> None:
        """What a connection that lives has no need of."""

    pause_reading = resume_reading = abort = close = nothing

    def is_closing(self) -> bool:
        return False


class Writer:
    def __init__(self, said: list[bytes]) -> None:
        self.write = said.append


def test_it_goes_out_in_order_at_the_end_of_the_turn() -> None:
    turns: list[Any] = []
    said: list[bytes] = []
    box, one, other = Outbox(turns.append), Writer(said), Writer(said)
    for writer, data in ((one, b"1"), (other, b"2"), (one, b"3")):
        box.put(writer, data)
    assert (said, len(turns)) == ([], 1)
    turns.pop()()
    assert said == [b"1", b"2", b"3"]
    box.put(one, b"4")
    box.empty()
    turns.pop()()
    assert said == [b"1", b"2", b"3", b"4"]


def connected(relay: Relay) -> tuple[Client, Upstream, Pipe, Pipe]:
    """A caller and its engine whose next request goes the short way."""
    relay.hear(Table("", models={"m": Model("ready", backends=(Backend("b", "127.0.0.1", 1),))}))
    (pool,) = relay.replicas.of(relay.routes.models["m"])
    here, there = Pipe(), Pipe()
    upstream, client = Upstream(pool), Client(relay)
    upstream.connection_made(cast(asyncio.Transport, there))
    client.connection_made(cast(asyncio.Transport, here))
    upstream.fresh = False
    pool.give(upstream)
    for _ in range(3):
        client.data_received(CALL)
        relay.lanes.outbox.empty()
        upstream.data_received(ok(b"warm"))
        relay.lanes.outbox.empty()
    here.said = there.said = b""
    return client, upstream, here, there


def test_an_answer_given_at_once_comes_after_those_before_it() -> None:
    async def story() -> None:
        relay = Relay(asyncio.get_running_loop(), lambda _: None, lambda _: None)
        client, upstream, here, there = connected(relay)
        client.data_received(CALL)
        assert there.said == b""  # until the turn ends
        await asyncio.sleep(0)
        assert there.said.endswith(b'{"model":"m"}')
        upstream.data_received(ok(b"first"))
        client.data_received(UNKNOWN)
        assert here.said.index(b"first") < here.said.index(b"unknown_model")

    asyncio.run(story())


def test_an_engine_that_speaks_too_soon_does_not_come_before_the_last_answer() -> None:
    async def story() -> None:
        relay = Relay(asyncio.get_running_loop(), lambda _: None, lambda _: None)
        client, upstream, here, _there = connected(relay)
        client.data_received(CALL)
        upstream.data_received(ok(b"first"))
        client.data_received(CALL)
        upstream.data_received(b"HTTP/1.1 418 Tea\r\nContent-Length: 4\r\n\r\nsoon")
        assert here.said.index(b"first") < here.said.index(b"soon")

    asyncio.run(story())
