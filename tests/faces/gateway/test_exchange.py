"""Streams and faults: what callers and engines do to each other, over real sockets."""

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.faces.gateway.conftest import EVENT, STREAM, Gateway, Puppet, Wire, chunk, ok, post

from ostler.faces.gateway.messages import Broken, Done, Idle, Model

CALL = {"model": "m", "stream": True}
BLAST = 64 * 1024 * 1024  # bytes that a fast engine would like to send


@pytest.fixture
def served(gateway: Gateway, engine: Puppet) -> Puppet:
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    return engine


def call(gateway: Gateway, engine: Puppet) -> tuple[Wire, Wire]:
    """A caller whose request has reached the engine over a fresh connection."""
    caller = gateway.connect()
    caller.send(post(CALL))
    wire = engine.accept()
    wire.message()
    return caller, wire


# --- streams ----------------------------------------------------------------------------------


def test_every_token_is_passed_on_as_it_comes(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(STREAM)
    head = caller.until(b"\r\n\r\n").lower()
    assert b"\r\ncache-control: no-cache\r\n" in head
    assert b"\r\nx-accel-buffering: no\r\n" in head
    assert b"\r\ntransfer-encoding: chunked\r\n" in head
    for _ in range(3):
        wire.send(chunk(EVENT))
        assert caller.until(b"\n\n\r\n").endswith(EVENT + b"\r\n")
    wire.send(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    assert caller.until(b"0\r\n\r\n").count(b"[DONE]") == 1
    gateway.hear_a(Idle, backend=served.name)
    caller.send(post(CALL))  # both connections are good for another
    wire.message()


def test_a_stream_without_length_ends_with_its_connection(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall ")
    wire.send(b"of it")
    wire.close()
    answer = caller.message()
    assert (answer.body, answer.status) == (b"all of it", 200)


@pytest.mark.parametrize(
    ("events", "added"),
    [
        ([EVENT, EVENT], b"data: [DONE]\n\n"),
        ([EVENT, b"data: [DONE]\n\n"], b""),
        ([EVENT, b"data: [DO", b"NE]\n\n"], b""),
        ([EVENT[:-2]], b"\n\ndata: [DONE]\n\n"),
        ([], b"data: [DONE]\n\n"),
    ],
)
@pytest.mark.parametrize("sized", [False, True])
def test_the_done_that_an_engine_leaves_out_is_added(
    gateway: Gateway, engine: Puppet, events: list[bytes], added: bytes, sized: bool
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(adds_done=True),))})
    caller, wire = call(gateway, engine)
    if sized:
        wire.send(ok(b"".join(events), b"Content-Type: text/event-stream; charset=utf-8\r\n"))
    else:
        wire.send(STREAM)
        for event in events:
            wire.send(chunk(event))
        wire.send(b"0\r\n\r\n")
    assert caller.message().body == b"".join(events) + added


def test_nothing_is_added_to_other_answers(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(adds_done=True),))})
    caller, wire = call(gateway, engine)
    wire.send(ok(b"{}"))
    assert caller.message().body == b"{}"
    caller.send(post(CALL))
    wire.message()
    wire.send(STREAM.replace(b"200 OK", b"500 No") + chunk(EVENT) + b"0\r\n\r\n")
    assert caller.message().body == EVENT


# --- the caller leaves ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", STREAM, STREAM + chunk(EVENT)])
def test_a_caller_that_leaves_stops_its_engine_at_once(
    gateway: Gateway, served: Puppet, sent: bytes, how: str
) -> None:
    caller, wire = call(gateway, served)
    wire.send(sent)
    if sent:
        caller.until(b"\r\n\r\n")
    left = time.monotonic()
    getattr(caller, how)()
    assert wire.is_gone()
    assert time.monotonic() - left < 1.0  # below 1 ms when nothing else runs
    gateway.hear_a(Idle, backend=served.name)
    assert gateway.hear_a(Done, backend=served.name).status == 499


@pytest.mark.parametrize("sent", [b"", STREAM + chunk(EVENT)])
def test_an_engine_is_told_within_a_tenth_of_a_second(
    gateway: Gateway, served: Puppet, sent: bytes
) -> None:
    """The best of five, as other programs may hold the processor for longer than that."""
    took = []
    for _ in range(5):
        caller, wire = call(gateway, served)
        wire.send(sent)
        if sent:
            caller.until(EVENT)
        left = time.monotonic()
        caller.close()
        assert wire.is_gone()
        took.append(time.monotonic() - left)
    assert min(took) < 0.1, took


def test_a_caller_that_leaves_a_slow_connect_leaves_nothing(gateway: Gateway) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(4):  # until the kernel answers no more connects
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    engine = Puppet("full", full)
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    caller.send(post(CALL))
    gateway.hear(lambda m: getattr(m, "backend", "") == "full")
    caller.close()
    gateway.hear_a(Idle, backend="full")
    for filler in fillers:
        filler.close()
    engine.close()


@pytest.mark.parametrize("how", [socket.SHUT_RDWR, socket.SHUT_WR])
def test_a_caller_that_leaves_while_it_does_not_read_stops_its_engine(
    gateway: Gateway, served: Puppet, how: int
) -> None:
    caller, wire = call(gateway, served)
    wire.send(STREAM)
    blast_until_held(wire)
    caller.sock.shutdown(how)
    wire.sock.settimeout(10)
    with pytest.raises(ConnectionError):
        wire.send(b"x" * BLAST)
    gateway.hear_a(Idle, backend=served.name)


# --- the caller is slow -----------------------------------------------------------------------


def blast_until_held(wire: Wire) -> int:
    """Send until the gateway takes no more for a while; return the bytes it took."""
    wire.sock.settimeout(0.2)
    data, sent = chunk(b"x" * 65536), 0
    rest = memoryview(data)
    try:
        while sent < BLAST:
            took = wire.sock.send(rest)
            sent += took
            rest = rest[took:] or memoryview(data)
    except TimeoutError:
        wire.unsent = bytes(rest)
    return sent


def test_a_slow_reader_holds_its_engine_back_and_costs_no_memory(
    gateway: Gateway, served: Puppet
) -> None:
    before = gateway.memory()
    caller, wire = call(gateway, served)
    wire.send(STREAM)
    sent = blast_until_held(wire)
    assert sent < BLAST / 2
    assert gateway.memory() - before < 8_000_000
    caller.sock.settimeout(10)
    wire.sock.setblocking(False)
    wire.rest = b""
    tail = wire.unsent + b"0\r\n\r\n"
    got = 0
    while not caller.rest.endswith(b"0\r\n\r\n"):  # it reads on, and so the engine may go on
        caller.rest = caller.rest[-16:] + (more := caller.sock.recv(1 << 20))
        assert more
        got += len(more)
        if tail:
            try:
                tail = tail[wire.sock.send(tail) :]
            except BlockingIOError:
                continue
    assert got > sent
    gateway.hear_a(Idle, backend=served.name)


def test_pipelined_answers_wait_for_a_slow_reader_too(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.send(post(CALL) * 200)
    wire = served.accept()
    before, answered = gateway.memory(), 0
    wire.sock.settimeout(0.3)
    try:
        while answered < 200:
            wire.message()
            wire.send(ok(b"x" * 100_000))
            answered += 1
    except TimeoutError:
        pass
    assert answered < 200
    assert gateway.memory() - before < 8_000_000


# --- the engine fails -------------------------------------------------------------------------


def test_an_engine_that_dies_mid_stream_looks_cut_short(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(STREAM + chunk(EVENT))
    caller.until(b"\n\n\r\n")
    wire.close()
    assert caller.to_the_end() == b""  # an end without the last chunk
    assert gateway.hear_a(Broken, backend=served.name).why
    assert gateway.hear_a(Done, backend=served.name).status == 502


def test_a_cut_off_length_looks_cut_short(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    caller.until(b"half")
    wire.close()
    assert caller.to_the_end() == b""


def test_a_reset_is_no_proper_end_of_an_answer_without_length(
    gateway: Gateway, served: Puppet
) -> None:
    caller, wire = call(gateway, served)
    wire.send(b"HTTP/1.0 200 OK\r\n\r\nsome of it")
    caller.until(b"some of it\r\n")
    wire.reset()
    assert caller.to_the_end() == b""


def test_an_old_caller_sees_a_reset_where_an_end_would_look_whole(
    gateway: Gateway, served: Puppet
) -> None:
    caller = gateway.connect()
    caller.send(post(CALL, version=b"1.0"))
    wire = served.accept()
    wire.message()
    wire.send(STREAM + chunk(EVENT))
    caller.until(EVENT)
    wire.close()
    with pytest.raises(ConnectionResetError):
        caller.to_the_end()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_an_engine_that_dies_before_its_answer_is_a_502(
    gateway: Gateway, served: Puppet, sent: bytes, how: str
) -> None:
    caller, wire = call(gateway, served)
    wire.send(sent)
    getattr(wire, how)()
    answer = caller.message()
    assert (answer.status, answer.error["code"]) == (502, "request_failed")
    assert "closed the connection" in gateway.hear_a(Broken, backend=served.name).why
    caller.send(post(CALL))  # the caller's connection lives on
    served.accept().message()


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nA: b\rc: d\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_502(gateway: Gateway, served: Puppet, answer: bytes) -> None:
    caller, wire = call(gateway, served)
    wire.send(answer)
    assert caller.message().status == 502
    assert wire.is_gone()
    assert "no HTTP" in gateway.hear_a(Broken, backend=served.name).why


def test_bytes_after_an_answer_reach_nobody(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(ok(b"first") + ok(b"never asked for"))
    assert caller.message().body == b"first"
    assert caller.rest == b""
    assert wire.is_gone()
    caller.send(post(CALL))
    wire = served.accept()
    wire.message()
    wire.send(ok(b"second"))
    answer = caller.message()
    assert (answer.first, answer.body) == (b"HTTP/1.1 200 OK", b"second")
    wire.send(ok(b"unasked"))
    assert wire.is_gone()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_stale_pooled_connection_is_tried_again_on_a_fresh_one(
    gateway: Gateway, served: Puppet, how: str
) -> None:
    caller, wire = call(gateway, served)
    wire.send(ok(b"1"))
    caller.message()
    caller.send(post(CALL))
    wire.message()
    getattr(wire, how)()  # as if it had gone just before the request came
    wire = served.accept()
    wire.message()
    wire.send(ok(b"again"))
    assert caller.message().body == b"again"
    gateway.hear_a(Idle, backend=served.name)
    assert not [m for m in gateway.said if isinstance(m, Broken) and m.backend == served.name]


def test_a_pooled_connection_that_the_engine_closed_is_not_used_again(
    gateway: Gateway, served: Puppet
) -> None:
    caller, wire = call(gateway, served)
    wire.send(ok(b"1"))
    caller.message()
    wire.sock.shutdown(socket.SHUT_WR)
    assert wire.is_gone()
    caller.send(post(CALL))
    served.accept().message()


def test_a_second_try_is_the_last(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    wire.send(ok(b"1"))
    caller.message()
    caller.send(post(CALL))
    wire.message()
    wire.close()
    second = served.accept()
    second.message()
    second.close()
    assert caller.message().status == 502


def test_an_engine_that_is_not_there_is_a_502_and_told(gateway: Gateway, served: Puppet) -> None:
    served.listening.close()
    caller = gateway.connect()
    caller.send(post(CALL))
    assert caller.message().status == 502
    assert "no connection" in gateway.hear_a(Broken, backend=served.name).why
    gateway.hear_a(Idle, backend=served.name)


def test_an_engine_out_of_the_table_finishes_what_it_has(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    gateway.table({})
    wire.send(ok(b"last"))
    assert caller.message().body == b"last"
    assert wire.is_gone()
    gateway.hear_a(Idle, backend=served.name)


def test_an_engine_that_sends_more_than_it_said_is_cut_to_its_word(
    gateway: Gateway, served: Puppet
) -> None:
    caller, wire = call(gateway, served)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright and wrong")
    assert caller.message().body == b"right"
    assert wire.is_gone()
    caller.send(post(CALL))  # and no byte of the rest comes with the next answer
    wire = served.accept()
    wire.message()
    wire.send(ok(b"next"))
    assert caller.message().body == b"next"


def test_whoever_listens_where_an_engine_was_is_not_asked_in_its_name(
    gateway: Gateway, served: Puppet, second: Puppet
) -> None:
    """A port is another engine's after a death: kept connections to the first are not used."""
    caller, wire = call(gateway, served)
    wire.send(ok(b"1"))
    assert caller.message().body == b"1"
    other = served.backend(model_name="other")
    models = {
        "m": Model("ready", backends=(second.backend(),)),
        "other": Model("ready", backends=(replace(other, id="other"),)),
    }
    gateway.table(models)
    assert wire.is_gone()
    caller.send(post(CALL))
    wire = second.accept()
    wire.message()
    wire.send(ok(b"2"))
    assert caller.message().body == b"2"
    caller.send(post({"model": "other"}))
    wire = served.accept()
    wire.message()
    wire.send(ok(b"3"))
    assert caller.message().body == b"3"


def test_a_caller_that_reads_byte_by_byte_gets_every_byte(gateway: Gateway, served: Puppet) -> None:
    caller, wire = call(gateway, served)
    caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    body = bytes(range(256)) * 200
    wire.send(ok(body))
    got = b""
    while not got.endswith(body[-256:]) or len(got) < len(body):
        more = caller.sock.recv(1 if len(got) < 2000 else 4096)
        assert more
        got += more
    assert got.endswith(body)


def test_twenty_megabytes_go_through(gateway: Gateway, served: Puppet) -> None:
    caller = gateway.connect()
    body = b'{"input":"' + b"x" * 20_000_000 + b'","model":"m"}'
    caller.send(post(body))
    wire = served.accept()
    assert wire.message().body == body
    wire.send(ok(b"read"))
    assert caller.message().body == b"read"


# --- the law ----------------------------------------------------------------------------------

acts = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(
            ["ask", "pipeline", "leave", "answer", "last", "stream", "end", "die", "reset", "junk"]
        ),
    ),
    max_size=25,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts)
def test_whatever_happens_every_request_is_counted_out(
    gateway: Gateway, served: Puppet, history: list[tuple[int, str]]
) -> None:
    callers: dict[int, Wire] = {}
    for who, act in history:
        if act in ("ask", "pipeline"):
            callers[who] = callers.get(who) or gateway.connect()
            try_to(callers[who].send, post(CALL) * (2 if act == "pipeline" else 1))
            take_connections(served, patience=0.02)
        elif act == "leave" and who in callers:
            callers.pop(who).close()
        elif who < len(served.wires):
            engine_does(served.wires[who], act)
    for wire in [*callers.values(), *served.wires]:
        wire.close()
    served.wires.clear()
    settle(gateway, served)


def take_connections(engine: Puppet, patience: float) -> None:
    while select.select([engine.listening], [], [], patience)[0]:
        engine.accept()
        patience = 0


def try_to(act: Callable[[bytes], None], data: bytes) -> None:
    with suppress(OSError):  # the gateway may have closed it already
        act(data)


SAID = {
    "answer": ok(b"{}"),
    "last": ok(b"{}", b"Connection: close\r\n"),
    "stream": STREAM + chunk(EVENT),
    "end": b"0\r\n\r\n",
    "junk": b"junk",
}


def engine_does(wire: Wire, act: str) -> None:
    if act in SAID:
        try_to(wire.send, SAID[act])
    elif act == "reset" and wire.sock.fileno() >= 0:
        wire.reset()
    else:
        wire.close()


def settle(gateway: Gateway, engine: Puppet) -> None:
    """Answer what is still asked until the engine is told to be idle, which it must be."""
    engine.listening.setblocking(False)
    deadline = time.monotonic() + 5
    while gateway.is_busy(engine.name):
        assert time.monotonic() < deadline, "a request was never counted out"
        try:
            engine.listening.accept()[0].close()
        except BlockingIOError:
            continue
    engine.listening.settimeout(10)
