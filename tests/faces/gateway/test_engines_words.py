"""Engines differ in their paths and their words; callers need not know."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, ok, post

from ostler.faces.gateway.faults import translated
from ostler.faces.gateway.messages import Model

# As the engines say it: llama.cpp, vLLM, SGLang.
SAID = [
    {
        "error": {
            "code": 400,
            "message": "request (5009 tokens) exceeds the available context size (2048 tokens)",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 5009,
        }
    },
    {
        "error": {
            "message": "This model's maximum context length is 2048 tokens. However, you "
            "requested 5009 tokens. Please reduce the length of the input.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        }
    },
    {
        "object": "error",
        "error": {
            "message": "The input (5009 tokens) is longer than the model's context length (2048).",
            "type": "BadRequestError",
            "code": 400,
        },
    },
    {
        "error": {
            "code": 500,
            "message": "input (902 tokens) is too large to process. increase the physical batch "
            "size (current batch size: 512)",
            "type": "server_error",
        }
    },
    {
        "error": {
            "message": "max_tokens=9000 cannot be greater than max_model_len=2048. Please request "
            "fewer output tokens.",
            "type": "BadRequestError",
            "code": 400,
        }
    },
]


@pytest.mark.parametrize("said", SAID)
def test_a_prompt_that_is_too_long_has_one_code(
    gateway: Gateway, engine: Puppet, said: dict[str, object]
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    body = json.dumps(said).encode()
    for _ in range(3):  # the short way must not pass it by
        caller.send(post({"model": "m"}))
        wire = engine.wires[0] if engine.wires else engine.accept()
        wire.message()
        status = said["error"]["code"]  # type: ignore[index]
        head = b"HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\n" % status
        wire.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = caller.message()
        assert (answer.status, answer.error["code"]) == (400, "context_too_long")
        assert answer.error["message"] == said["error"]["message"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (501, "This server does not support embeddings. Start it with `--embeddings`"),
        (500, "the current context does not support logits computation. skipping"),
        (400, "The model does not support Chat Completions API"),
    ],
)
def test_a_request_of_a_kind_that_the_model_is_not_for_is_the_callers_fault(
    gateway: Gateway, engine: Puppet, status: int, said: str
) -> None:
    """Clients ask again after a 5xx; this would fail again."""
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    body = json.dumps({"error": {"message": said, "type": "server_error", "code": status}}).encode()
    for _ in range(3):
        caller.send(post({"model": "m"}))
        wire = engine.wires[0] if engine.wires else engine.accept()
        wire.message()
        head = b"HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\n" % status
        wire.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = caller.message()
        assert (answer.status, answer.error["code"]) == (400, "wrong_task")
        assert said in answer.error["message"]
        assert "/v1/models" in answer.error["hint"]


@pytest.mark.parametrize(
    "said", [b"", b"no", b"[]", b'{"error":"x"}', b'{"error":{"message":1}}', b'{"detail":"no"}']
)
def test_other_words_stay_as_they_are(said: bytes) -> None:
    assert translated(400, said) == (400, said)
    assert translated(500, said) == (500, said)


@given(st.binary(max_size=60))
def test_any_bytes_come_back(said: bytes) -> None:
    assert translated(400, said) == (400, said)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (b"/rerank", b"/v1/rerank"),
        (b"/v2/rerank?a=1", b"/v1/rerank?a=1"),
        (b"/reranking", b"/v1/rerank"),
        (b"/v1/reranking", b"/v1/rerank"),
        (b"/tokenize", b"/tokenize"),
        (b"/detokenize", b"/detokenize"),
        (b"/v1/messages/count_tokens", b"/v1/messages/count_tokens"),
        (b"/v1/audio/speech", b"/v1/audio/speech"),
        (b"/models/m/tokenize", b"/tokenize"),
        (b"/models/m/v2/rerank", b"/v1/rerank"),
        (b"/runtime/models/m/rerank", b"/v1/rerank"),
    ],
)
def test_paths_go_as_engines_spell_them(
    gateway: Gateway, engine: Puppet, asked: bytes, sent: bytes
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    caller.send(post({"model": "m"}, path=asked))
    wire = engine.accept()
    assert wire.message().first == b"POST " + sent + b" HTTP/1.1"
    wire.send(ok(b"{}"))
    assert caller.message().status == 200


@pytest.mark.parametrize("path", [b"/models/tokenize", b"/models//v1/x", b"/models/v1/x"])
def test_a_path_without_a_name_is_the_control_apis(
    gateway: Gateway, control: Puppet, path: bytes
) -> None:
    gateway.table({}, control_socket=control.name)
    caller = gateway.connect()
    caller.send(post({}, path=path))
    wire = control.accept()
    assert wire.message().first == b"POST " + path + b" HTTP/1.1"
    wire.send(ok(b"{}"))
    assert caller.message().status == 200


def test_an_engine_s_own_retry_after_is_passed_on(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(),))})
    caller = gateway.connect()
    for _ in range(2):
        caller.send(post({"model": "m"}))
        wire = engine.accept()
        wire.message()
        wire.send(
            b"HTTP/1.1 429 Too Many\r\nRetry-After: 17\r\nConnection: close\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        answer = caller.message()
        assert (answer.status, answer.get(b"retry-after")) == (429, b"17")
