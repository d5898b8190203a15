"""Routing, waiting, keys and the control API, over real sockets."""

import time

import msgspec
import pytest
from tests.faces.gateway.conftest import Gateway, Puppet, key, ok, post

from ostler.faces.gateway.messages import Busy, Done, Fault, Idle, Limits, Model, Refuse, Want

CALL = {"messages": [{"role": "user", "content": "m"}], "model": "m"}


def ready(engine: Puppet, *aliases: str, **kinds: object) -> Model:
    return Model("ready", backends=(engine.backend(**kinds),), aliases=aliases)


def test_a_request_and_its_answer_pass_untouched(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": ready(engine)})
    caller = gateway.connect()
    body = b'{ "messages" : [],\n "model":"m" , "x": 1.50 }'
    caller.send(post(body, b"X-Mine: 1\r\nX-Mine: 2\r\n"))
    wire = engine.accept()
    request = wire.message()
    assert request.first == b"POST /v1/chat/completions HTTP/1.1"
    assert request.body == body
    assert [v for n, v in request.headers if n == b"x-mine"] == [b"1", b"2"]
    wire.send(ok(b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}', b"X-Engine: e\r\n"))
    answer = caller.message()
    assert (answer.status, answer.get(b"x-engine")) == (200, b"e")
    assert answer.body == b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    assert answer.get(b"x-request-id") == request.get(b"x-request-id") is not None
    name = engine.name
    gateway.hear_a(Busy, backend=name)
    gateway.hear_a(Idle, backend=name)
    done = gateway.hear_a(Done, backend=name)
    assert (done.model, done.status, done.prompt_tokens, done.completion_tokens) == ("m", 200, 3, 4)
    assert (done.bytes_in, done.bytes_out) == (len(body), len(answer.body))
    assert 0 <= done.ttft <= done.seconds < 5


def test_ended_requests_are_told_together(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": ready(engine)})
    caller = gateway.connect()
    caller.send(post(CALL))
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"1"))
    for kind in (Busy, Done, Idle):  # then nothing is under way any more
        gateway.hear_a(kind, backend=engine.name)
    began = time.monotonic()
    caller.send(post(CALL) * 3)
    for _ in range(3):
        wire.message()
        wire.send(ok(b"1"))
    gateway.hear_a(Done, backend=engine.name)
    assert time.monotonic() - began >= 0.09
    gateway.hear_a(Idle, backend=engine.name)
    busy = [m for m in gateway.said if isinstance(m, Busy) and m.backend == engine.name]
    assert len(busy) == 1


def test_connections_on_both_sides_are_used_again(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": ready(engine)})
    caller = gateway.connect()
    caller.send(post(CALL))
    wire = engine.accept()
    for number in range(3):
        wire.message()
        wire.send(ok(b"%d" % number))
        assert caller.message().body == b"%d" % number
        caller.send(post(CALL))
    wire.message()


@pytest.mark.parametrize("called", ["m", "other"])
def test_an_engine_reads_the_name_that_it_wants(
    gateway: Gateway, engine: Puppet, called: str
) -> None:
    gateway.table({"m": ready(engine, "other", model_name="/models/M")})
    caller = gateway.connect()
    caller.send(post({"stop": [called], "model": called, "n": 1}))
    request = engine.accept().message()
    assert msgspec.json.decode(request.body) == {"stop": [called], "model": "/models/M", "n": 1}


def test_the_path_can_name_the_model(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"org/m#q8": ready(engine, model_name="w")})
    caller = gateway.connect()
    path = b"/runtime/models/org%2Fm%23q8/v1/embeddings?x=1"
    caller.send(post({"model": "whatever", "input": "a"}, path=path))
    wire = engine.accept()
    request = wire.message()
    assert request.first == b"POST /v1/embeddings?x=1 HTTP/1.1"
    assert msgspec.json.decode(request.body)["model"] == "w"
    wire.send(ok(b"1"))
    caller.message()
    caller.send(b"GET /runtime/models/org%2Fm%23q8/v1/models HTTP/1.1\r\nHost: h\r\n\r\n")
    assert wire.message().first == b"GET /v1/models HTTP/1.1"


def test_an_unknown_model_is_told_with_those_that_are_known(
    gateway: Gateway, engine: Puppet
) -> None:
    gateway.table({"m": ready(engine)})
    answer = gateway.ask(post({"model": "nope"}))
    assert answer.status == 404
    assert (answer.error["code"], answer.error["param"]) == ("unknown_model", "model")
    assert "Known: m," in answer.error["message"]
    assert "ostler pull" in answer.error["hint"]


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b"", b'{"model": 1}', b"[" * 100_000])
def test_a_body_that_names_no_model_is_refused(gateway: Gateway, body: bytes) -> None:
    gateway.table({})
    assert gateway.ask(post(body)).status == 400


def test_the_least_busy_of_several_engines_is_taken(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(), second.backend()))})
    callers = [gateway.connect() for _ in range(4)]
    wires = []
    for caller, puppet in zip(callers, [engine, second, engine, second], strict=True):
        caller.send(post(CALL))
        wires.append(puppet.accept())
        wires[-1].message()
    wires[1].send(ok(b"1"))
    callers[1].message()
    callers[1].send(post(CALL))
    wires[1].message()
    for caller in callers:
        caller.close()


# --- models that are not ready ----------------------------------------------------------------


def test_requests_wait_for_their_model_and_go_on_in_order(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": Model("stopped")}, secret=b"")
    callers = [gateway.connect() for _ in range(10)]
    for number, caller in enumerate(callers):
        caller.send(post({"model": "m", "n": number}))
        if number == 0:
            gateway.hear_a(Want, model="m")
    gateway.table({"m": Model("loading")})
    gateway.table({"m": ready(engine)})
    assert not [w for w in gateway.said if isinstance(w, Want) and w.model == "m"]
    seen = []
    for _ in callers:
        wire = engine.accept()
        seen.append(msgspec.json.decode(wire.message().body)["n"])
        wire.send(ok(b"x"))
    assert sorted(seen) == list(range(10))
    assert all(caller.message().status == 200 for caller in callers)


def test_the_keeper_refuses_with_its_reason_and_is_asked_anew(gateway: Gateway) -> None:
    gateway.table({"m": Model("stopped")})
    caller = gateway.connect()
    for retry_after in (None, 7.2):
        caller.send(post({"model": "m"}))
        gateway.hear_a(Want, model="m")
        fault = Fault("It does not fit.", "server_error", "does_not_fit", "Free some memory.")
        gateway.tell(Refuse("m", 409, fault, retry_after))
        answer = caller.message()
        assert answer.status == 409
        assert answer.error == {
            "message": "It does not fit.",
            "type": "server_error",
            "code": "does_not_fit",
            "hint": "Free some memory.",
        }
        assert answer.get(b"retry-after") == (None if retry_after is None else b"8")


def test_a_wait_ends_with_503_and_when_to_ask_again(gateway: Gateway) -> None:
    model = Model("loading", eta_seconds=40.0)
    gateway.table({"m": model}, limits=Limits(wait_seconds=0.05))
    for headers in (b"", b"Prefer: wait=60\r\n", b"Prefer: respond-async, wait=0\r\n"):
        answer = gateway.ask(post({"model": "m"}, headers))
        assert (answer.status, answer.error["code"]) == (503, "loading")
        assert answer.get(b"retry-after") == b"40"


def test_only_so_many_may_wait(gateway: Gateway) -> None:
    gateway.table({"m": Model("loading")}, limits=Limits(max_parked=2, wait_seconds=0.2))
    callers = [gateway.connect() for _ in range(3)]
    for caller in callers:
        caller.send(post({"model": "m"}))
    codes = sorted(caller.message().error["code"] for caller in callers)
    assert codes == ["loading", "loading", "queue_full"]


def test_a_caller_that_leaves_while_it_waits_is_forgotten(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": Model("stopped")}, limits=Limits(max_parked=1))
    first = gateway.connect()
    first.send(post({"model": "m", "n": 1}))
    gateway.hear_a(Want, model="m")
    first.close()
    second = gateway.connect()
    while True:  # until the line has noticed, the second finds it full
        second.send(post({"model": "m", "n": 2}, b"Prefer: wait=5\r\n"))
        gateway.table({"m": Model("loading")}, limits=Limits(max_parked=1))
        second.sock.setblocking(False)
        try:
            second.rest += second.sock.recv(65536)
        except BlockingIOError:
            break
        finally:
            second.sock.settimeout(10)
        assert second.message().error["code"] == "queue_full"
    gateway.table({"m": ready(engine)})
    assert msgspec.json.decode(engine.accept().message().body)["n"] == 2


def test_a_load_that_was_stopped_is_asked_for_again_by_those_who_wait(gateway: Gateway) -> None:
    gateway.table({"m": Model("stopped")})
    caller = gateway.connect()
    caller.send(post({"model": "m"}))
    gateway.hear_a(Want, model="m")
    gateway.table({"m": Model("loading")})
    gateway.table({"m": Model("stopped")})
    gateway.hear_a(Want, model="m")
    gateway.table({})
    assert caller.message().status == 404


# --- keys and the control API -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        (b"/health", b"", 200),
        (b"/ready", b"", 200),
        (b"/", b"", 200),
        (b"/v1/models", b"", 401),
        (b"/v1/models", b"Authorization: Bearer wrong\r\n", 401),
        (b"/v1/models", b"Authorization: Basic secret\r\n", 401),
        (b"/v1/models", b"Authorization: Bearer secret\r\n", 200),
        (b"/v1/models", b"authorization: bearer secret\r\n", 200),
        (b"/v1/models", b"X-Api-Key: secret\r\n", 200),
        (b"/api/models", b"", 401),
        (b"/%61pi/models", b"", 401),
        (b"/x/../api/models", b"", 401),
        (b"http://h/api/models", b"", 401),
        (b"/runtime/models/m/v1/models", b"", 401),
    ],
)
def test_what_needs_a_key(
    gateway: Gateway, control: Puppet, target: bytes, headers: bytes, status: int
) -> None:
    secret = b"Authorization: Bearer secret\r\n"
    gateway.table({}, control_socket=control.name, keys=(key("secret"),), secret=secret)
    caller = gateway.connect()
    caller.send(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n" + headers + b"\r\n")
    if status == 200:
        wire = control.accept()
        request = wire.message()
        assert request.get(b"host") == b"h"
        assert request.get(b"authorization") in (None, headers.partition(b": ")[2].strip())
        wire.send(ok(b"{}"))
    answer = caller.message()
    assert answer.status == status
    if status == 401:
        assert answer.error["code"] == "auth_required"
        assert answer.get(b"www-authenticate") == b"Bearer"


def test_an_engine_never_sees_who_asks(gateway: Gateway, engine: Puppet) -> None:
    secret = b"Authorization: Bearer secret\r\n"
    gateway.table({"m": ready(engine)}, keys=(key("secret"),), secret=secret)
    caller = gateway.connect()
    caller.send(post(CALL, secret + b"Cookie: c=1\r\nX-Api-Key: secret\r\n"))
    request = engine.accept().message()
    assert b"secret" not in b"".join(value for _, value in request.headers)
    assert request.get(b"cookie") is None
    assert request.get(b"host") == b"127.0.0.1:%d" % engine.port


def test_the_control_api_gets_every_method_and_answers_in_its_own_way(
    gateway: Gateway, control: Puppet
) -> None:
    gateway.table({}, control_socket=control.name)
    caller = gateway.connect()
    caller.send(b"DELETE /api/models/x?y=%2F HTTP/1.1\r\nHost: h\r\n\r\n")
    wire = control.accept()
    assert wire.message().first == b"DELETE /api/models/x?y=%2F HTTP/1.1"
    wire.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert caller.message().first == b"HTTP/1.1 204 No Content"
    caller.send(b"PUT /api/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
    assert wire.message().body == b"abc"
    wire.send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
    assert caller.message(bodiless=True).status == 304


def test_a_control_api_that_is_not_there_is_an_error_of_its_own(gateway: Gateway) -> None:
    gateway.table({})
    answer = gateway.ask(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (answer.status, answer.error["code"]) == (502, "server_not_running")
