"""The short way: whatever happens to a request that goes it, it is as on the long one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.faces.gateway.conftest import (
    EVENT,
    STREAM,
    Gateway,
    Puppet,
    Wire,
    chunk,
    key,
    ok,
    post,
    soon,
)

from ostler.faces.gateway.messages import Done, Idle, Limits, Model

CALL = {"messages": [{"role": "user", "content": "hello"}], "model": "m"}
AUTH = b"Authorization: Bearer right\r\n"
USAGE = b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}'
WARM = 3  # requests until nothing of them is new: the head, its model, a connection to the engine


def guarded(gateway: Gateway, engine: Puppet, **fields: object) -> None:
    one = msgspec.structs.replace(key("right"), **fields)
    models = {"m": Model("ready", backends=(engine.backend(),))}
    gateway.table(models, secret=AUTH, keys=(one,))


def warm(gateway: Gateway, engine: Puppet) -> tuple[Wire, Wire]:
    """A caller and its engine whose next request goes the short way."""
    caller = gateway.connect()
    wire: Wire | None = None
    for _ in range(WARM):
        caller.send(post(CALL, AUTH))
        wire = wire or engine.accept()
        wire.message()
        wire.send(ok(USAGE))
        assert caller.message().body == USAGE
    assert wire is not None
    return caller, wire


def test_requests_pass_untouched_whatever_their_length(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    ids = set()
    for size in (0, 1, 3, 9, 10, 60, 99, 100, 500, 943, 999, 1000, 9999, 20_000, 70_000):
        body = msgspec.json.encode({"input": "x" * size, "model": "m"})
        caller.send(post(body, AUTH))
        request = wire.message()
        assert request.body == body
        assert request.get(b"authorization") is None
        wire.send(ok(b"y" * size))
        answer = caller.message()
        assert answer.body == b"y" * size
        assert answer.get(b"x-request-id") == request.get(b"x-request-id")
        ids.add(answer.get(b"x-request-id"))
    assert len(ids) == 15


def test_all_are_told_and_logged(gateway: Gateway, engine: Puppet, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    models = {"m": Model("ready", backends=(engine.backend(),))}
    limits = Limits(access_log=str(log))
    gateway.table(models, secret=AUTH, keys=(key("right"),), limits=limits)
    caller, wire = warm(gateway, engine)
    for _ in range(1000):
        caller.send(post(CALL, AUTH))
        wire.message()
        wire.send(ok(USAGE))
        caller.message()

    def lines() -> list[dict[str, object]]:
        found = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in found if line["backend"] == engine.name]

    assert soon(lambda: len(lines()) == WARM + 1000)
    assert len({line["request_id"] for line in lines()}) == WARM + 1000
    shown = lines()[-1]
    assert (shown["status"], shown["key"], shown["path"]) == (
        200,
        "a friend",
        "/v1/chat/completions",
    )
    assert (shown["prompt_tokens"], shown["completion_tokens"]) == (3, 4)
    assert "kind" not in shown
    assert 0 <= time.time() - float(str(shown["at"])) < 60
    told = [gateway.hear_a(Done, backend=engine.name) for _ in range(WARM + 1000)]
    assert {(one.model, one.status, one.bytes_out) for one in told} == {("m", 200, len(USAGE))}
    assert all(0 <= one.ttft <= one.seconds < 10 for one in told)
    gateway.table(models)


def test_a_model_is_renamed_on_the_short_way(gateway: Gateway, engine: Puppet) -> None:
    backends = (engine.backend(model_name="/models/M"),)
    gateway.table({"m": Model("ready", backends=backends, aliases=("%d",))})
    caller, wire = warm(gateway, engine)
    for called in ("m", "%d", "m"):
        caller.send(post({"stop": [called], "model": called}, AUTH))
        assert json.loads(wire.message().body) == {"stop": [called], "model": "/models/M"}
        wire.send(ok(b"%s %d"))
        assert caller.message().body == b"%s %d"


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_caller_that_leaves_stops_its_engine(gateway: Gateway, engine: Puppet, how: str) -> None:
    guarded(gateway, engine, concurrent=1)
    caller, wire = warm(gateway, engine)
    for _ in range(WARM):
        gateway.hear_a(Done, backend=engine.name, status=200)
    caller.send(post(CALL, AUTH))
    wire.message()
    getattr(caller, how)()
    assert wire.is_gone()
    assert gateway.hear_a(Done, backend=engine.name).status == 499
    gateway.hear_a(Idle, backend=engine.name)
    warm(gateway, engine)  # the one request at once that is allowed


def test_an_engine_that_dies_is_a_502(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine, concurrent=1)
    caller, wire = warm(gateway, engine)
    caller.send(post(CALL, AUTH))
    wire.message()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    wire.close()
    assert caller.message().status == 502
    caller.send(post(CALL, AUTH))
    engine.accept().message()


def test_a_stale_connection_is_tried_again(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    caller.send(post(CALL, AUTH))
    wire.message()
    wire.close()
    again = engine.accept()
    assert json.loads(again.message().body) == CALL
    again.send(ok(b"again"))
    assert caller.message().body == b"again"


def test_other_answers_go_the_long_way(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    answers: list[tuple[bytes, int, bytes]] = [
        (STREAM + chunk(EVENT) + b"0\r\n\r\n", 200, EVENT),
        (ok(b"no").replace(b"200 OK", b"418 Tea"), 418, b"no"),
        (ok(b"0123456789")[:-5], 200, b""),
        (ok(b"x", b"X-Other: 1\r\n"), 200, b"x"),
    ]
    for said, status, body in answers:
        caller.send(post(CALL, AUTH))
        wire.message()
        wire.send(said)
        if not body:
            caller.until(b"01234")
            wire.send(b"56789")
            assert caller.exactly(5) == b"56789"
            continue
        answer = caller.message()
        assert (answer.status, answer.body) == (status, body)
    for _ in range(2):
        caller.send(post(CALL, AUTH))
        wire.message()
        wire.send(ok(USAGE))
        assert caller.message().body == USAGE


def test_pipelined_requests_keep_their_order(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    caller.send(post(CALL, AUTH))
    wire.message()
    later = [post({**CALL, "n": n}, AUTH) for n in range(3)]
    caller.send(later[0] + later[1])
    caller.send(later[2])
    wire.send(ok(b"first"))
    assert caller.message().body == b"first"
    for number in range(3):
        assert json.loads(wire.message().body)["n"] == number
        wire.send(ok(b"%d" % number))
        assert caller.message().body == b"%d" % number


def test_bytes_after_a_whole_answer_reach_nobody(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    caller.send(post(CALL, AUTH))
    wire.message()
    wire.send(ok(USAGE) + ok(b"never asked for"))
    assert caller.message().body == USAGE
    assert caller.rest == b""
    assert wire.is_gone()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda call: call.replace(b"Content-Length: ", b"Content-Length: +"),
        lambda call: call.replace(b"Host: h\r\n", b"Host: h\r\nHost: g\r\n"),
        lambda call: call.replace(b"right", b"wrong"),
    ],
)
def test_a_head_that_differs_is_judged_anew(
    gateway: Gateway, engine: Puppet, spoil: Callable[[bytes], bytes]
) -> None:
    guarded(gateway, engine)
    caller, _wire = warm(gateway, engine)
    caller.send(spoil(post(CALL, AUTH)))
    assert caller.message().status in (400, 401)


def test_a_key_that_is_revoked_opens_nothing(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine)
    caller, _wire = warm(gateway, engine)
    models = {"m": Model("ready", backends=(engine.backend(),))}
    other = b"Authorization: Bearer other\r\n"
    gateway.table(models, secret=other, keys=(key("other"),))
    caller.send(post(CALL, AUTH))
    assert caller.message().status == 401


@pytest.mark.parametrize("most", [WARM + 1, WARM + 12])
def test_exactly_so_many_requests_a_minute(gateway: Gateway, engine: Puppet, most: int) -> None:
    # Named anew each time, for what a key has asked is remembered; the table's probe asks once.
    guarded(gateway, engine, requests_per_minute=most + 1, name=f"{most} {time.monotonic()}")
    caller, wire = warm(gateway, engine)
    for _ in range(most - WARM):
        caller.send(post(CALL, AUTH))
        wire.message()
        wire.send(ok(USAGE))
        assert caller.message().status == 200
    caller.send(post(CALL, AUTH))
    refused = caller.message()
    assert (refused.status, refused.error["code"]) == (429, "rate_limited")


def test_tokens_are_held_to_their_limit_at_once(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine, tokens_per_day=7 * (WARM + 2), name=f"t {time.monotonic()}")
    caller, wire = warm(gateway, engine)
    for _ in range(2):
        caller.send(post(CALL, AUTH))
        wire.message()
        wire.send(ok(USAGE))
        assert caller.message().status == 200
    caller.send(post(CALL, AUTH))
    assert caller.message().error["code"] == "tokens_used_up"


def test_two_at_once_are_two_at_once(gateway: Gateway, engine: Puppet) -> None:
    guarded(gateway, engine, concurrent=2)
    callers = [gateway.connect() for _ in range(3)]
    _caller, wire = warm(gateway, engine)
    callers[0].send(post(CALL, AUTH))
    wire.message()
    callers[1].send(post(CALL, AUTH))
    engine.accept().message()
    callers[2].send(post(CALL, AUTH))
    assert callers[2].message().error["code"] == "too_many_at_once"
    wire.send(ok(USAGE))
    assert callers[0].message().status == 200
    callers[2].send(post(CALL, AUTH))
    wire.message()


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, 4000, 5000])
def test_chunks_go_on_as_they_come_only_if_they_are_whole(
    gateway: Gateway, engine: Puppet, size: int
) -> None:
    guarded(gateway, engine)
    caller, wire = warm(gateway, engine)
    caller.send(post(CALL, AUTH))
    wire.message()
    wire.send(STREAM + chunk(EVENT))
    caller.until(EVENT + b"\r\n")
    whole = chunk(b"x" * size)
    wire.send(whole)
    assert caller.exactly(len(whole)) == whole
    wire.send(whole[:-2] + b"XX")
    assert caller.to_the_end().count(b"XX") == 0
    assert gateway.hear_a(Done, backend=engine.name, status=502).bytes_out >= size
