"""The dashboard through the gateway: WebSockets as tunnels, from one's own pages only."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, Wire, key, ok, soon
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, unix_serve

from ostler.faces.gateway.counts import Counts
from ostler.faces.gateway.messages import Ended, Limits
from ostler.faces.gateway.routing import way
from ostler.faces.gateway.tunnel import Tunnels

SECRET = b"Authorization: Bearer s\r\n"
OFFER = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nX-A: 1\r\n\r\n"
)
MEBIBYTE = 1 << 20
PLENTY = random.Random(4).randbytes(64 * MEBIBYTE)


def get(target: bytes, headers: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: h\r\n%b\r\n" % (target, headers)


def at(gateway: Gateway, control: str, *, keys: bool = True, **limits: object) -> None:
    """Have this control socket asked, where keys are needed or none is."""
    wanted = Limits(**{"hosts": ("h",), **limits})  # type: ignore[arg-type]
    keyed = {"secret": SECRET, "keys": (key("s"),)} if keys else {}
    gateway.table({}, control_socket=control, limits=wanted, **keyed)  # type: ignore[arg-type]


@contextmanager
def echoing(path: str) -> Iterator[Server]:
    """A real WebSocket server that sends back whatever comes, in the place of the control API."""

    def echo(wire: ServerConnection) -> None:
        for message in wire:
            wire.send(message)

    with unix_serve(echo, path, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def opened(gateway: Gateway, control: Puppet, path: bytes = b"/dashboard/ws") -> tuple[Wire, Wire]:
    """Both ends of a tunnel through the gateway."""
    caller = gateway.connect()
    caller.send(get(path, OFFER))
    far = control.accept()
    asked = far.message(bodiless=True)
    assert asked.first == b"GET %b HTTP/1.1" % path
    assert asked.get(b"upgrade") == b"websocket"
    assert asked.get(b"connection") == b"upgrade"
    assert asked.get(b"sec-websocket-key") == b"dGhlIHNhbXBsZSBub25jZQ=="
    far.send(AGREED)
    answer = caller.message(bodiless=True)
    assert (answer.status, answer.get(b"x-a")) == (101, b"1")
    assert answer.get(b"connection") == b"upgrade"
    return caller, far


# --- what is a page of the dashboard ----------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "page", "guarded"),
    [
        (b"/dashboard", True, False), (b"/dashboard/", True, False),
        (b"/dashboard?x=/api", True, False), (b"/dashboard/models/Qwen%2FQwen3", True, False),
        (b"/dashboard/_nicegui_ws/socket.io/?EIO=4", True, False),
        (b"/dashboard/../api/keys", True, True), (b"/dashboard/%2e%2e/api/keys", True, True),
        (b"/dashboard/%252e%252e/api", True, True), (b"/dashboard//api", True, True),
        (b"/dashboard/..%5capi", True, True), (b"/dashboards", False, False),
        (b"/api/dashboard/", False, True), (b"/%64ashboard/", False, True),
    ],
)  # fmt: skip
def test_what_the_dashboard_is(path: bytes, page: bool, guarded: bool) -> None:
    found = way(b"GET", path)
    assert found is not None
    assert (found.is_page, found.guarded, found.target) == (page, guarded, path)


def test_pages_need_no_key_and_keep_their_cookie(gateway: Gateway, control: Puppet) -> None:
    at(gateway, control.name)
    caller = gateway.connect()
    caller.send(get(b"/dashboard/", b'Cookie: session=1\r\nIf-None-Match: "a"\r\n'))
    wire = control.accept()
    asked = wire.message()
    assert asked.get(b"cookie") == b"session=1"
    assert asked.get(b"if-none-match") == b'"a"'
    wire.send(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
    answer = caller.message(bodiless=True)
    assert (answer.status, answer.get(b"etag")) == (304, b'"a"')
    caller.send(get(b"/dashboard/a.js", b"Accept-Encoding: gzip\r\n").replace(b"GET", b"HEAD"))
    assert wire.message().get(b"accept-encoding") == b"gzip"
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n")
    answer = caller.message(bodiless=True)
    assert (answer.get(b"content-encoding"), answer.get(b"content-length")) == (b"gzip", b"99")
    big = random.Random(1).randbytes(3 * MEBIBYTE)
    caller.send(get(b"/dashboard/a.js"))
    wire = control.accept()
    wire.message()
    wire.send(ok(big, b'Content-Encoding: gzip\r\nETag: "b"\r\n'))
    assert caller.message().body == big
    assert gateway.ask(get(b"/api/server")).status == 401, "the API asks for a key as before"


# --- a WebSocket ------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [True, False])
def test_a_websocket_goes_through(gateway: Gateway, tmp_path: object, keys: bool) -> None:
    path = f"{tmp_path}/c"
    with echoing(path):
        at(gateway, path, keys=keys)
        address = f"ws://127.0.0.1:{gateway.address[1]}/dashboard/ws"
        own = f"http://127.0.0.1:{gateway.address[1]}"
        with connect(address, origin=cast("str", own), max_size=None) as wire:  # type: ignore[arg-type]
            for message in ("hello", b"\x00" * 5, "x" * MEBIBYTE, random.randbytes(3 * MEBIBYTE)):
                wire.send(message)
                assert wire.recv() == message
            pong = wire.ping()
            assert pong.wait(10)
        assert wire.close_code == 1000


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_open_none(
    gateway: Gateway, control: Puppet, keys: bool, origin: str
) -> None:
    at(gateway, control.name, keys=keys)
    address = f"ws://127.0.0.1:{gateway.address[1]}/dashboard/ws"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, origin=origin)  # type: ignore[arg-type]
    answer = refused.value.response
    assert answer.status_code == 403
    assert msgspec.json.decode(answer.body)["error"]["code"] == "foreign_origin"
    caller = gateway.connect()
    foreign = b"Origin: %b\r\nContent-Length: 0\r\n" % origin.encode()
    caller.send(get(b"/dashboard/do", foreign).replace(b"GET", b"POST"))
    assert caller.message().status == 403
    control.listening.settimeout(0.05)
    with pytest.raises(TimeoutError):
        control.accept()


def test_an_allowed_page_opens_one(gateway: Gateway, tmp_path: object) -> None:
    path = f"{tmp_path}/c"
    with echoing(path):
        at(gateway, path, origins=("https://ours.example",))
        address = f"ws://127.0.0.1:{gateway.address[1]}/dashboard/ws"
        with connect(address, origin="https://ours.example") as wire:  # type: ignore[arg-type]
            wire.send("hello")
            assert wire.recv() == "hello"


@pytest.mark.parametrize(
    "request_head",
    [
        get(b"/health", OFFER),
        get(b"/dashboard/ws", OFFER.replace(b"websocket", b"h2c")),
        get(b"/dashboard/ws", OFFER.replace(b"keep-alive, Upgrade", b"keep-alive")),
        get(b"/dashboard/ws", OFFER + b"Content-Length: 3\r\n") + b"abc",
        get(b"/dashboard/ws", OFFER + b"Content-Length: 0\r\n").replace(b"GET", b"POST"),
    ],
)
def test_other_offers_are_passed_over(
    gateway: Gateway, control: Puppet, request_head: bytes
) -> None:
    at(gateway, control.name)
    caller = gateway.connect()
    caller.send(request_head)
    wire = control.accept()
    asked = wire.message()
    assert asked.get(b"upgrade") is asked.get(b"connection") is None
    wire.send(AGREED)
    assert caller.message().status == 502, "what nobody asked for is no answer"


def test_a_declined_offer_is_an_ordinary_answer(gateway: Gateway, control: Puppet) -> None:
    at(gateway, control.name)
    caller = gateway.connect()
    caller.send(get(b"/dashboard/ws", OFFER) + get(b"/dashboard/next"))
    wire = control.accept()
    wire.message()
    wire.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    answer = caller.message()
    assert (answer.status, answer.body) == (403, b"no")
    assert wire.message().first == b"GET /dashboard/next HTTP/1.1"
    wire.send(ok(b"next"))
    assert caller.message().body == b"next"


def test_bytes_that_come_early_are_the_tunnels(gateway: Gateway, control: Puppet) -> None:
    at(gateway, control.name)
    caller = gateway.connect()
    early = random.Random(2).randbytes(200_000)
    caller.send(get(b"/dashboard/ws", OFFER) + early[:1000])
    far = control.accept()
    far.message(bodiless=True)
    caller.send(early[1000:])
    far.send(AGREED + b"welcome")
    assert caller.message(bodiless=True).status == 101
    assert caller.exactly(7) == b"welcome"
    assert far.exactly(len(early)) == early


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("who", ["caller", "control"])
def test_it_ends_with_either_side(gateway: Gateway, control: Puppet, who: str, how: str) -> None:
    at(gateway, control.name)
    caller, far = opened(gateway, control)
    one, other = (caller, far) if who == "caller" else (far, caller)
    one.send(b"last words")
    assert other.exactly(10) == b"last words"
    getattr(one, how)()
    assert other.is_gone()


def test_last_words_arrive_before_the_end(gateway: Gateway, control: Puppet) -> None:
    at(gateway, control.name)
    caller, far = opened(gateway, control)
    sent = _fill(far)
    far.close()
    assert caller.to_the_end() == PLENTY[:sent]


@pytest.mark.parametrize("slow", ["caller", "control"])
def test_who_reads_slowly_holds_the_other_up(gateway: Gateway, control: Puppet, slow: str) -> None:
    at(gateway, control.name)
    caller, far = opened(gateway, control)
    writer, reader = (far, caller) if slow == "caller" else (caller, far)
    before = gateway.memory()
    sent = _fill(writer)
    assert sent < 16 * MEBIBYTE, "the kernel's buffers hold the rest"
    assert gateway.memory() - before < 4 * MEBIBYTE
    reader.send(b"the other way is open")
    assert writer.exactly(21) == b"the other way is open"
    assert reader.exactly(sent) == PLENTY[:sent]
    writer.send(b"!")
    assert reader.exactly(1) == b"!"


def test_an_idle_one_ends_and_one_that_talks_does_not(own: Gateway, control: Puppet) -> None:
    at(own, control.name, quiet_seconds=0.4)
    mute, _ = opened(own, control)
    talking, far = opened(own, control)
    mute.sock.settimeout(0.01)
    began = monotonic()

    def is_over() -> bool:
        far.send(b".")
        assert talking.exactly(1) == b"."
        with suppress(TimeoutError):
            return mute.is_gone()
        return False

    assert soon(is_over)
    assert monotonic() - began > 0.2
    talking.send(b"still here")
    assert far.exactly(10) == b"still here"


def test_one_that_is_never_read_ends_however_much_it_asks(own: Gateway, control: Puppet) -> None:
    at(own, control.name, quiet_seconds=0.4)
    caller, far = opened(own, control)
    _fill(far)

    def is_over() -> bool:
        try:
            caller.send(b"I ask and do not read")
            return far.sock.recv(100) == b""
        except OSError:
            return True

    assert soon(is_over)


def _fill(wire: Wire) -> int:
    """Send until nobody takes any more; return how many bytes were taken."""
    sent = 0
    wire.sock.settimeout(0.3)
    with suppress(TimeoutError):
        while sent < len(PLENTY):
            sent += wire.sock.send(PLENTY[sent : sent + 65536])
    return sent


# --- how it is counted ------------------------------------------------------------------------


def test_the_log_has_it_when_it_ends(gateway: Gateway, control: Puppet, tmp_path: object) -> None:
    log = gateway.folder / "tunnels.log"
    at(gateway, control.name, access_log=str(log))
    caller, far = opened(gateway, control, b"/dashboard/ws?sid=secret")
    caller.send(b"abc")
    assert far.exactly(3) == b"abc"
    far.send(b"defgh")
    assert caller.exactly(5) == b"defgh"
    assert b"/dashboard/ws" not in log.read_bytes()
    caller.close()
    assert far.is_gone()
    assert soon(lambda: b"/dashboard/ws" in log.read_bytes())
    [line] = [x for x in log.read_bytes().splitlines() if b"/dashboard/ws" in x]
    said = msgspec.json.decode(line)
    assert (said["status"], said["bytes_in"], said["bytes_out"]) == (101, 3, 5)
    assert (said["model"], said["backend"], said["path"]) == ("", "", "/dashboard/ws")
    assert b"secret" not in log.read_bytes()
    at(gateway, control.name)


# --- the end of the server --------------------------------------------------------------------


def test_neither_a_tunnel_nor_a_waiting_page_holds_the_end_up(
    own: Gateway, control: Puppet
) -> None:
    log = own.folder / "log"
    at(own, control.name, keys=False, access_log=str(log))
    caller, far = opened(own, control)
    waiting = own.connect()
    waiting.send(get(b"/dashboard/socket.io/?transport=polling"))
    polled = control.accept()
    polled.message(bodiless=True)
    posting = own.connect()
    post = b"Content-Length: 2\r\n"
    posting.send(get(b"/dashboard/do", post).replace(b"GET", b"POST") + b"{}")
    asked = control.accept()
    asked.message()
    began = monotonic()
    own.keeper.shutdown(socket.SHUT_WR)
    assert caller.is_gone()
    assert far.is_gone()
    answer = waiting.message()
    assert (answer.status, answer.error["code"]) == (503, "ending")
    assert polled.is_gone()
    asked.send(ok(b"done"))
    assert posting.message().body == b"done", "what changes something is finished"
    assert own.process.wait(10) == 0
    assert monotonic() - began < 10, "the limit for running answers is 30 s"
    assert b'"status":101' in log.read_bytes()


# --- laws -------------------------------------------------------------------------------------

Move = tuple[bool, bool, int]
MOVES = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.integers(1, 300_000)), min_size=1, max_size=25
)


@settings(max_examples=40, deadline=None)
@given(MOVES, st.booleans())
def test_every_byte_arrives_once_and_in_order(moves: list[Move], near_ends: bool) -> None:
    """Whoever writes and reads when and how much; and what is kept meanwhile stays bounded."""
    asyncio.run(_played(moves, near_ends=near_ends))


async def _played(moves: list[Move], *, near_ends: bool) -> None:
    loop = asyncio.get_running_loop()
    noted: list[Ended] = []
    counts = Counts()
    tunnels = Tunnels(counts, noted.append, loop.time)
    pairs = [socket.socketpair() for _ in range(2)]
    inner = [
        (await loop.create_connection(asyncio.Protocol, sock=inside))[0] for _, inside in pairs
    ]
    tunnel = tunnels.open(inner[0], inner[1], _ended)
    assert counts.tunnels() == 1
    outside = [outer for outer, _ in pairs]
    for sock in outside:
        sock.setblocking(False)
    source = random.Random(5).randbytes(MEBIBYTE)
    sent, got = [0, 0], [bytearray(), bytearray()]
    for end, reads, size in moves:
        if reads:
            _read(outside[end], got[end], size)
        else:
            start = sent[end] % MEBIBYTE
            with suppress(BlockingIOError):
                sent[end] += outside[end].send(source[start : start + size])
        await asyncio.sleep(0)
        assert all(_kept(one) < 600_000 for one in inner)
    async with asyncio.timeout(20):
        while [len(got[1]), len(got[0])] != sent:
            for end in (0, 1):
                _read(outside[end], got[end], MEBIBYTE)
            await asyncio.sleep(0)
        for end in (0, 1):
            repeated = source * (sent[end] // MEBIBYTE + 1)
            assert bytes(got[1 - end]) == repeated[: sent[end]]
        outside[0 if near_ends else 1].close()
        while not noted:  # noqa: ASYNC110 - no hook of the tunnel is there for tests
            await asyncio.sleep(0)
    assert (counts.tunnels(), tunnel.near.is_lost, tunnel.far.is_lost) == (0, True, True)
    assert [(one.bytes_in, one.bytes_out) for one in noted] == [tuple(sent)]
    for sock in outside:
        sock.close()


def test_what_is_still_on_its_way_at_the_end_arrives() -> None:
    asyncio.run(_ended_full())


async def _ended_full() -> None:
    loop = asyncio.get_running_loop()
    noted: list[Ended] = []
    tunnels = Tunnels(Counts(), noted.append, loop.time)
    (caller, near), (control, far) = socket.socketpair(), socket.socketpair()
    ends = [(await loop.create_connection(asyncio.Protocol, sock=one))[0] for one in (near, far)]
    tunnel = tunnels.open(ends[0], ends[1], _ended)
    sent = 0
    async with asyncio.timeout(20):
        while not _kept(ends[0]):
            control.send(PLENTY[sent : sent + 4096])
            sent += 4096
            while tunnel.far.sent < sent:  # noqa: ASYNC110 - no hook of the tunnel is there for tests
                await asyncio.sleep(0)
        control.close()
        while not tunnel.far.is_lost:  # noqa: ASYNC110
            await asyncio.sleep(0)
        caller.setblocking(False)
        got = bytearray()
        while len(got) < sent:
            _read(caller, got, MEBIBYTE)
            assert len(got) == sent or not _at_end(caller), "the rest was lost"
            await asyncio.sleep(0)
        caller.close()
        while not noted:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert bytes(got) == PLENTY[:sent]


def _at_end(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def _kept(transport: asyncio.Transport) -> int:
    return transport.get_write_buffer_size()


def _read(sock: socket.socket, into: bytearray, size: int) -> None:
    with suppress(BlockingIOError):
        into += sock.recv(size)


def _ended() -> Ended:
    return Ended(0, "GET", "/", "", "", 101, 0, 0, 0, 0, None, None, "", "r")


@given(st.integers(0, 3), st.data())
def test_tunnels_of_a_worker_that_died_are_open_no_more(opened: int, data: st.DataObject) -> None:
    counts = Counts()
    for _ in range(opened):
        counts.tunnel()
    slot = data.draw(st.integers(0, 16383))
    counts.enter(slot)
    counts.bury(0)
    assert (counts.tunnels(), counts.at_once(slot)) == (0, 0)


def test_a_websocket_whose_server_ends_is_closed(gateway: Gateway, tmp_path: object) -> None:
    path = f"{tmp_path}/c"
    with echoing(path) as server:
        at(gateway, path)
        address = f"ws://127.0.0.1:{gateway.address[1]}/dashboard/ws"
        with connect(address) as wire:
            wire.send("a")
            assert wire.recv() == "a"
            server.shutdown()
            with pytest.raises(ConnectionClosed):
                wire.recv(10)
