"""Bytes that nobody wrote on purpose: a clear error or a clean end, no hang and no stray byte.

Every connection first sends noise, then, on a connection of its own, a request that must work: the
worker has neither died nor mixed anything up.
"""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, Wire, key, ok, post

from ostler.faces.gateway.messages import Limits, Model

EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FIRST_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LINES = st.sampled_from(
    [
        b"POST /v1/chat/completions HTTP/1.1\r\n", b"GET /v1/models HTTP/1.1\r\n",
        b"GET /dashboard/ws HTTP/1.1\r\n", b"Origin: http://h\r\n", b"Origin: null\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n",
        b"POST /v1/x HTTP/1.0\r\n", b"Host: h\r\n", b"Host : h\r\n", b"Content-Length: 5\r\n",
        b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
        b"content-length: 5, 6\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
        b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"Expect: 100-continue\r\n", b"Authorization: Bearer no\r\n", b" folded\r\n",
        b"X\x00Y: 1\r\n", b"X: \xff\xfe\r\n", b"\r\n", b"\n", b"\r", b"5\r\nhello\r\n",
        b"0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"5;a=b\r\n", b'{"model":"m"}', b"{}", b"\xc3\x28",
    ]
)  # fmt: skip
NOISE = st.one_of(
    st.lists(LINES, max_size=14).map(b"".join),
    st.binary(max_size=300),
    st.tuples(st.lists(LINES, max_size=8).map(b"".join), st.binary(max_size=80)).map(b"".join),
)


@pytest.fixture
def guarded(gateway: Gateway, engine: Puppet) -> Puppet:
    """A worker that needs a key, so that no noise can reach the engine."""
    gateway.table(
        {"m": Model("ready", backends=(engine.backend(),))},
        secret=b"Authorization: Bearer right\r\n",
        keys=(key("right"),),
        limits=Limits(max_header_bytes=2048, max_body_bytes=4096),
    )
    return engine


@EXAMPLES
@given(NOISE, st.lists(st.integers(1, 60), max_size=5))
def test_noise_gets_whole_answers_and_an_end(
    gateway: Gateway, guarded: Puppet, noise: bytes, cuts: list[int]
) -> None:
    caller = gateway.connect()
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(noise[at : at + cut])
        at += cut
    _send(caller, [*pieces, noise[at:]])
    with suppress(OSError):  # the gateway may have closed it already
        caller.sock.shutdown(1)
    statuses = _statuses(_heard(caller))
    assert all(status == 100 or 400 <= status < 600 for status in statuses), statuses
    caller.close()
    _works(gateway, guarded)


def _send(caller: Wire, pieces: list[bytes]) -> None:
    for piece in pieces:
        try:
            caller.send(piece)
        except ConnectionError:
            return


def _heard(caller: Wire) -> bytes:
    heard = b""
    try:
        while more := caller.sock.recv(65536):
            heard += more
    except ConnectionError:
        pass
    return heard


def _statuses(heard: bytes) -> list[int]:
    """Take the bytes apart as answers with a stated length; nothing may be left over."""
    found = []
    while heard:
        head, mark, rest = heard.partition(b"\r\n\r\n")
        first = FIRST_LINE.match(head)
        assert mark, heard
        assert first, heard
        found.append(int(first[1]))
        length = re.search(rb"content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        assert len(rest) >= size, heard
        heard = rest[size:]
    return found


def _works(gateway: Gateway, engine: Puppet) -> None:
    caller = gateway.connect()
    caller.send(post({"model": "m"}, b"Authorization: Bearer right\r\n"))
    wire = engine.wires[-1] if engine.wires else engine.accept()
    assert wire.message().body == b'{"model":"m"}'
    wire.send(ok(b"1"))
    assert caller.message().body == b"1"
    caller.close()


ANSWERS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 999 What\r\n", b"HTTP/2 200\r\n",
        b"Content-Length: 5\r\n", b"Content-Length: 500\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
        b"Content-Type: text/event-stream\r\n", b"\r\n", b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n",
        b"data: x\n\n", b"zz\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"\x00",
    ]
)  # fmt: skip


@EXAMPLES
@given(st.lists(ANSWERS, max_size=10), st.booleans())
def test_an_engine_that_talks_nonsense_ends_in_an_error_or_a_cut(
    gateway: Gateway, guarded: Puppet, said: list[bytes], at_once: bool
) -> None:
    caller = gateway.connect()
    caller.send(post({"model": "m"}, b"Authorization: Bearer right\r\nConnection: close\r\n"))
    wire = guarded.accept()
    wire.message()
    for piece in [b"".join(said)] if at_once else said:
        _send(wire, [piece])
    wire.close()
    heard = _heard(caller)  # which ends, or PATIENCE fails the test
    assert not heard or FIRST_LINE.match(heard)
    caller.close()
