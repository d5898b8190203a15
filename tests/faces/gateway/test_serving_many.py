"""Replicas, limits, logs, one scale of scores, progress: what a worker does beside relaying."""

from __future__ import annotations

import json
import math
import socket
from pathlib import Path

import msgspec
import pytest
from tests.faces.gateway.conftest import (
    EVENT,
    STREAM,
    Gateway,
    Puppet,
    chunk,
    key,
    ok,
    post,
    soon,
)

from ostler.faces.gateway.messages import (
    Backend,
    Broken,
    Busy,
    Done,
    Fault,
    Idle,
    Limits,
    Model,
    Refuse,
    Took,
)

CALL = {"model": "m"}
AUTH = b"Authorization: Bearer right\r\n"


def served(gateway: Gateway, *backends: Backend, **limits: object) -> None:
    models = {"m": Model("ready", backends=backends)}
    gateway.table(models, limits=msgspec.convert(limits, Limits))


def nobody(id: str) -> Backend:
    """A backend at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return Backend(id, "127.0.0.1", one.getsockname()[1])


def test_another_replica_is_asked_where_nothing_was_sent(gateway: Gateway, engine: Puppet) -> None:
    served(gateway, nobody("nobody"), engine.backend())
    for number in range(3):
        caller = gateway.connect()
        caller.send(post(CALL))
        wire = engine.accept() if not engine.wires else engine.wires[0]
        wire.message()
        wire.send(ok(b"%d" % number))
        assert caller.message().body == b"%d" % number
    assert gateway.hear_a(Broken, backend="nobody")


def test_who_is_withdrawn_is_called_idle_at_once(gateway: Gateway, engine: Puppet) -> None:
    served(gateway, engine.backend())
    caller = gateway.connect()
    caller.send(post(CALL))
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"1"))
    assert caller.message().body == b"1"
    gateway.hear_a(Busy, backend=engine.name)
    gateway.table({"m": Model("stopped")}, serial=7)
    idle = Idle(engine.name)
    said = [gateway.hear(lambda one: one in (idle, Took(7))) for _ in "12"]
    assert said == [idle, Took(7)], "nobody waits for calm where nothing can follow"


def test_each_replica_is_tried_once(gateway: Gateway) -> None:
    served(gateway, nobody("first"), nobody("second"))
    for _ in range(2):
        answer = gateway.ask(post(CALL))
        assert (answer.status, answer.error["code"]) == (502, "request_failed")


def test_a_request_that_was_sent_is_not_sent_again(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    served(gateway, engine.backend(), second.backend())
    caller = gateway.connect()
    caller.send(post(CALL))
    wire = engine.accept()
    wire.message()
    wire.close()
    assert caller.message().status == 502
    assert second.wires == []


def test_scores_are_on_one_scale(gateway: Gateway, engine: Puppet) -> None:
    served(gateway, engine.backend(scores="logits"))
    body = {"results": [{"index": 0, "relevance_score": s} for s in (0.0, -800.0, 2.5)]}
    for path, scores in ((b"/v1/rerank", [0.5, 0.0, 1 / (1 + math.exp(-2.5))]), (b"/v1/x", None)):
        for _ in range(2):
            caller = gateway.connect()
            caller.send(post(CALL, path=path))
            wire = engine.wires[0] if engine.wires else engine.accept()
            wire.message()
            wire.send(ok(msgspec.json.encode(body)))
            found = json.loads(caller.message().body)["results"]
            wanted = scores or [0.0, -800.0, 2.5]
            assert [one["relevance_score"] for one in found] == pytest.approx(wanted)


def test_an_error_of_a_reranker_is_passed_on(gateway: Gateway, engine: Puppet) -> None:
    served(gateway, engine.backend(scores="logits"))
    caller = gateway.connect()
    caller.send(post(CALL, path=b"/v1/rerank"))
    wire = engine.accept()
    wire.message()
    wire.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno")
    answer = caller.message()
    assert (answer.status, answer.body) == (400, b"no")


def test_a_streaming_caller_may_read_how_a_load_gets_on(gateway: Gateway, engine: Puppet) -> None:
    loading = {"m": Model("loading", eta_seconds=7)}
    gateway.table(loading)
    caller = gateway.connect()
    caller.send(post({"model": "m", "stream": True}, b"Prefer: wait=30, progress\r\n"))
    head = caller.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"text/event-stream" in head
    assert b": loading m, about 7 s to go\n\n" in caller.until(b"\n\n\r\n")
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    wire = engine.accept()
    wire.message()
    wire.send(STREAM + chunk(EVENT) + b"0\r\n\r\n")
    assert EVENT in caller.until(b"0\r\n\r\n")


def test_progress_that_ends_in_a_refusal_ends_in_an_event(gateway: Gateway) -> None:
    gateway.table({"m": Model("loading")})
    caller = gateway.connect()
    caller.send(post({"model": "m", "stream": True}, b"Prefer: progress\r\n"))
    caller.until(b"loading m\n\n\r\n")
    gateway.tell(Refuse("m", 507, Fault("No room.", "server_error", "no_fit")))
    end = caller.until(b"0\r\n\r\n")
    assert b'data: {"error":{"message":"No room."' in end
    assert b"data: [DONE]" in end


def test_who_does_not_stream_waits_as_before(gateway: Gateway) -> None:
    gateway.table({"m": Model("loading")})
    caller = gateway.connect()
    caller.send(post(CALL, b"Prefer: wait=1, progress\r\n"))
    assert caller.message().status == 503


def test_limits_and_grants_are_held(gateway: Gateway, engine: Puppet) -> None:
    one = msgspec.structs.replace(key("right"), models=("m",), concurrent=1, name="anna")
    models = {"m": Model("ready", backends=(engine.backend(),)), "other": Model("stopped")}
    gateway.table(models, secret=AUTH, keys=(one,))
    assert gateway.ask(post({"model": "other"}, AUTH)).status == 403
    caller = gateway.connect()
    caller.send(post(CALL, AUTH))
    wire = engine.accept()
    assert wire.message().get(b"authorization") is None
    refused = gateway.ask(post(CALL, AUTH))
    assert (refused.status, refused.error["code"]) == (429, "too_many_at_once")
    assert refused.get(b"retry-after") == b"1"
    wire.send(ok(b"1"))
    assert caller.message().status == 200
    assert gateway.hear_a(Done, key="anna").status == 200
    caller.send(post(CALL, AUTH))
    wire.message()
    caller.close()  # who leaves is counted out too
    assert wire.is_gone()
    caller = gateway.connect()
    caller.send(post(CALL, AUTH))
    wire = engine.accept()
    wire.message()
    wire.send(ok(b"2"))
    assert caller.message().body == b"2"


def test_the_access_log_names_no_prompt_and_no_key(
    gateway: Gateway, engine: Puppet, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    served(gateway, engine.backend(), access_log=str(log))
    caller = gateway.connect()
    path = b"/v1/chat/completions?secret=1"
    caller.send(post({"model": "m", "prompt": "hush"}, b"X-Request-Id: abc\r\n" + AUTH, path))
    wire = engine.accept()
    wire.message()
    usage = b'{"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    wire.send(ok(usage))
    caller.message()
    assert soon(lambda: log.exists() and b'"abc"' in log.read_bytes())
    text = log.read_text()
    entry = next(e for e in map(json.loads, text.splitlines()) if e["request_id"] == "abc")
    assert (entry["path"], entry["status"], entry["model"]) == ("/v1/chat/completions", 200, "m")
    assert (entry["prompt_tokens"], entry["completion_tokens"]) == (3, 4)
    assert not [word for word in ("hush", "right", "secret") if word in text]
    served(gateway, engine.backend())


def test_tokens_are_found_where_chunks_go_on_as_they_came(gateway: Gateway, engine: Puppet) -> None:
    served(gateway, engine.backend())
    caller = gateway.connect()
    caller.send(post(CALL, b"X-Request-Id: chunks\r\n"))
    wire = engine.accept()
    wire.message()
    wire.send(STREAM)
    caller.until(b"\r\n\r\n")
    usage = b'data: {"usage":{"prompt_tokens":12,"completion_tokens":34}}\n\n'
    for piece in (chunk(EVENT), chunk(EVENT) * 2, chunk(usage[:45]) + chunk(usage[45:])):
        wire.send(piece)
        assert caller.exactly(len(piece)) == piece
    wire.send(b"0\r\n\r\n")
    caller.until(b"0\r\n\r\n")
    done = gateway.hear_a(Done, request_id="chunks")
    assert (done.prompt_tokens, done.completion_tokens) == (12, 34)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (b"/models/org/name/v1/chat/completions", b"/v1/chat/completions"),
        (b"/models/org%2Fname/v1/embeddings?x=1", b"/v1/embeddings?x=1"),
        (b"/runtime/models/org%2Fname/v1/models", b"/v1/models"),
    ],
)
def test_a_path_may_name_the_model(
    gateway: Gateway, engine: Puppet, path: bytes, sent: bytes
) -> None:
    gateway.table({"org/name": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    caller.send(post({"model": "any"}, path=path))
    wire = engine.accept()
    assert wire.message().first == b"POST " + sent + b" HTTP/1.1"
    wire.send(ok(b"1"))
    assert caller.message().status == 200


@pytest.mark.parametrize("path", [b"/v1/downloaded_models/", b"/v1alpha/downloaded_models"])
def test_laminis_paths_are_the_control_apis(gateway: Gateway, control: Puppet, path: bytes) -> None:
    gateway.table({}, control_socket=control.name)
    caller = gateway.connect()
    caller.send(post({"hf_model_name": "org/name"}, path=path))
    wire = control.accept()
    assert wire.message().first == b"POST " + path + b" HTTP/1.1"
    wire.send(ok(b"{}"))
    assert caller.message().status == 200
