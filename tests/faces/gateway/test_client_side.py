"""HTTP as callers speak it, well and badly, over real sockets."""

import select
import socket

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faces.gateway.conftest import STREAM, Gateway, Puppet, chunk, key, ok, post

from ostler.faces.gateway.messages import Limits, Model

CALL = {"model": "m"}
HOST = b"Host: h\r\n"


@pytest.fixture
def served(gateway: Gateway, engine: Puppet) -> Puppet:
    limits = Limits(max_header_bytes=4096, max_body_bytes=1 << 20)
    gateway.table({"m": Model("ready", backends=(engine.backend(),))}, limits=limits)
    return engine


def test_pipelined_requests_are_answered_one_by_one_in_order(
    gateway: Gateway, served: Puppet
) -> None:
    caller = gateway.connect()
    calls = [post({"model": "m", "n": n}) for n in range(5)]
    caller.send(b"".join(calls[:3]) + calls[3][:60])
    wire = served.accept()
    for number in range(5):
        assert msgspec.json.decode(wire.message().body)["n"] == number
        if number == 2:
            caller.send(calls[3][60:] + calls[4])
        wire.send(ok(b"%d" % number))
        assert caller.message().body == b"%d" % number


def test_a_flood_of_pipelined_requests_is_held_back(gateway: Gateway, served: Puppet) -> None:
    before = gateway.memory()
    caller = gateway.connect()
    caller.send(post(CALL))
    served.accept()
    flood, sent = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n" * 1000, 0
    while sent < 50_000_000 and select.select([], [caller.sock], [], 0.2)[1]:
        sent += caller.sock.send(flood, socket.MSG_DONTWAIT)
    assert sent < 50_000_000
    assert gateway.memory() - before < 10_000_000


def test_bytes_may_come_one_at_a_time(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    caller.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in post(CALL, b"X-Long: " + b"v" * 50 + b"\r\n"):
        caller.send(bytes([at]))
    wire = served.accept()
    request = wire.message()
    assert request.get(b"x-long") == b"v" * 50
    assert request.body == b'{"model":"m"}'
    for at in ok(b"answer"):
        wire.send(bytes([at]))
    assert caller.message().body == b"answer"


def test_a_chunked_body_gets_a_length(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    head = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n"
    pieces = chunk(b'{"mod') + b'4;ext="1"\r\nel":\r\n' + chunk(b'"m"}')
    caller.send(head + pieces + b"0\r\nX-T: t\r\nHost: evil\r\n\r\n")
    wire = served.accept()
    request = wire.message()
    assert request.body == b'{"model":"m"}'
    assert request.get(b"content-length") == b"13"
    assert {n for n, _ in request.headers} & {b"transfer-encoding", b"trailer", b"x-t"} == set()
    wire.send(ok(b"1"))
    assert caller.message().status == 200


def test_100_continue_is_given_when_the_head_is_good(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    call = post(CALL, b"Expect: 100-continue\r\n")
    head, _, body = call.partition(b"\r\n\r\n")
    caller.send(head + b"\r\n\r\n")
    assert caller.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.send(body)
    wire = served.accept()
    assert wire.message().get(b"expect") is None
    wire.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok(b"1"))
    answer = caller.message()
    assert (answer.status, answer.get(b"link"), answer.body) == (200, None, b"1")


def test_100_continue_is_not_given_to_a_head_that_is_refused(gateway: Gateway) -> None:
    gateway.table({}, limits=Limits(max_body_bytes=10))
    caller = gateway.connect()
    caller.send(
        b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = caller.message()
    assert (answer.status, answer.get(b"connection")) == (413, b"close")
    assert caller.is_gone()


def test_head_answers_have_no_body(gateway: Gateway, control: Puppet) -> None:
    gateway.table({}, control_socket=control.name)
    caller = gateway.connect()
    for _ in range(2):
        caller.send(b"HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n")
        wire = control.accept()
        assert wire.message().first.startswith(b"HEAD ")
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nwhat should not be here")
        answer = caller.message(bodiless=True)
        assert (answer.status, answer.get(b"content-length")) == (200, b"500")
    caller.send(b"HEAD /v1/%2e HTTP/9.9\r\n\r\n")
    assert caller.to_the_end().count(b"\r\n\r\n") == 1


def test_an_old_caller_gets_no_chunks_and_a_closed_connection(
    gateway: Gateway, served: Puppet
) -> None:
    caller = gateway.connect()
    caller.send(post(CALL, b"Expect: 100-continue\r\n", version=b"1.0"))
    wire = served.accept()
    wire.message()
    wire.send(STREAM + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + b"0\r\n\r\n")
    head, _, body = caller.to_the_end().partition(b"\r\n\r\n")
    assert body == b"data: 1\n\ndata: 2\n\n"
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()


def test_connection_close_is_honoured(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    caller.send(post(CALL, b"Connection: close\r\n") + b"junk that comes after")
    wire = served.accept()
    assert wire.message().get(b"connection") is None
    wire.send(ok(b"bye"))
    answer = caller.message()
    assert (answer.body, answer.get(b"connection")) == (b"bye", b"close")
    assert caller.is_gone()


def test_headers_for_one_connection_stay_there(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    hops = b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\nTE: trailers\r\n"
    caller.send(post(CALL, hops + b"Upgrade: h2c\r\nProxy-Authorization: x\r\n"))
    wire = served.accept()
    names = {name for name, _ in wire.message().headers}
    assert names == {b"host", b"content-length", b"x-request-id"}
    wire.send(ok(b"1", b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 1\r\n"))
    names = {name for name, _ in caller.message().headers}
    assert names == {b"content-length", b"x-kept", b"x-request-id"}


def test_an_offer_to_upgrade_is_passed_over(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"
    caller.send(post({"model": "m", "n": 1}, offer) + post({"model": "m", "n": 2}))
    wire = served.accept()
    for number in (1, 2):
        request = wire.message()
        assert msgspec.json.decode(request.body)["n"] == number
        assert request.get(b"upgrade") is request.get(b"http2-settings") is None
        wire.send(ok(b"1"))
        assert caller.message().status == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [(b"abc-1.2", True), (b"has space", False), (b"x" * 129, False), (b'a"b', False)],
)
def test_a_request_id_is_kept_or_made(
    gateway: Gateway, served: Puppet, given: bytes, kept: bool
) -> None:
    caller = gateway.connect()
    caller.send(post(CALL, b"X-Request-Id: " + given + b"\r\n"))
    wire = served.accept()
    id = wire.message().get(b"x-request-id")
    assert (id == given) is kept
    wire.send(ok(b"1", b"X-Request-Id: of-the-engine\r\n"))
    assert caller.message().get(b"x-request-id") == id


# --- what is no request -----------------------------------------------------------------------

POST = b"POST /v1/x HTTP/1.1\r\nHost: h\r\n"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        POST + b"Content-Length: 2, 2\r\n\r\nab",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: +2\r\n\r\nab",
        POST + b"Content-Length: -1\r\n\r\nab",
        POST + b"Content-Length: 0x2\r\n\r\nab",
        POST + b"Content-Length: \r\n\r\n",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        POST + b"Host: other\r\n\r\n",
        POST + b"Authorization: a\r\nAuthorization: b\r\n\r\n",
        POST + b"X: a\r\n folded\r\n\r\n",
        POST + b"X: a\rb\r\n\r\n",
        POST + b"X: a\nY: b\r\n\r\n",
        POST + b"X: a\x00b\r\n\r\n",
        POST + b"No-Colon\r\n\r\n",
        POST + b": empty\r\n\r\n",
        POST + b"a b: c\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\n\r\n",
        b"POST /v1/x\r\n\r\n",
        b"POST /v1/\x00 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/2.0\r\nHost: h\r\n\r\n",
        b"INVENTED / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 300,
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused_and_cut_off(
    gateway: Gateway, served: Puppet, data: bytes
) -> None:
    caller = gateway.connect()
    caller.send(data + SMUGGLED)
    answer = caller.message()
    assert answer.status in (400, 505)
    assert answer.get(b"connection") == b"close"
    assert answer.error["code"] in ("bad_request", "http_version")
    assert caller.to_the_end() == b""


names = st.text("abcXYZ-_!#$%&'*+.^`|~0123456789", min_size=1, max_size=8).map(str.encode)
filling = st.text(st.characters(codec="latin-1"), max_size=12).map(lambda t: t.encode("latin-1"))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(names, filling), max_size=4))
def test_no_header_value_makes_a_line_of_its_own(
    gateway: Gateway, served: Puppet, headers: list[tuple[bytes, bytes]]
) -> None:
    caller = gateway.connect()
    extra = b"".join(b"X-%b: %b\r\n" % header for header in headers)
    caller.send(post(CALL, extra + b"Connection: close\r\n"))
    moved, _, _ = select.select([caller.sock, served.listening], [], [], 10)
    if caller.sock in moved:
        assert caller.message().status == 400
        return
    wire = served.accept()
    head = wire.until(b"\r\n\r\n")
    assert wire.exactly(13) == b'{"model":"m"}'
    ours = {b"host", b"content-length", b"x-request-id"}
    sent = {b"x-" + name.lower() for name, _ in headers} | ours
    assert {line.partition(b":")[0] for line in head[:-4].split(b"\r\n")[1:]} <= sent
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
    wire.send(ok(b"", b"Connection: close\r\n"))
    assert caller.message().status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"X-Big: " + b"v" * 5000 + b"\r\n\r\n",
        b"X-Big: " + b"v" * 200_000,
        b"X: y\r\n" * 100_000,
        b"X: yes\r\n" * 1000 + b"\r\n",
    ],
)
def test_a_head_over_the_limit_is_refused(gateway: Gateway, served: Puppet, head: bytes) -> None:
    caller = gateway.connect()
    caller.send(b"GET /health HTTP/1.1\r\nHost: h\r\n" + head)
    answer = caller.message()
    assert (answer.status, answer.get(b"connection")) == (431, b"close")


@pytest.mark.parametrize("end", [b"0\r\nX-T: " + b"t" * 200_000, b"5;" + b"e" * 200_000])
def test_trailers_and_chunk_extensions_count_as_a_head(
    gateway: Gateway, served: Puppet, end: bytes
) -> None:
    caller = gateway.connect()
    caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"12345") + end)
    assert caller.message().status == 431


def test_a_body_over_the_limit_is_refused(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    caller.send(POST + b"Content-Length: 1048577\r\n\r\n")
    assert caller.message().status == 413
    caller.close()
    caller = gateway.connect()
    caller.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    caller.send(chunk(b"x" * 65536) * 17)
    answer = caller.message()
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")


def test_a_refused_caller_can_read_why_though_it_goes_on_sending(gateway: Gateway) -> None:
    secret = b"Authorization: Bearer s\r\n"
    gateway.table({}, keys=(key("s"),), secret=secret)
    caller = gateway.connect()
    caller.send(post(b"x" * 5_000_000))
    assert caller.message().status == 401
    assert caller.to_the_end() == b""


def test_a_wrong_key_does_not_cost_the_connection(gateway: Gateway) -> None:
    secret = b"Authorization: Bearer s\r\n"
    gateway.table({}, keys=(key("s"),), secret=secret)
    caller = gateway.connect()
    for _ in range(2):
        caller.send(post(CALL))
        assert caller.message().status == 401
