"""What cannot fit a model's context is refused before its engine, and nothing that may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, ok, post

from ostler.faces.gateway.context import ANSWERS, Context, context_of, too_long
from ostler.faces.gateway.messages import Backend, Member, Model

CHAT, COMPLETIONS = b"/v1/chat/completions", b"/v1/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def asked(gateway: Gateway, engine: Puppet, body: dict[str, Any], path: bytes = CHAT) -> int:
    """Ask, let the engine answer if it hears of it, and return the status."""
    caller = gateway.connect()
    caller.send(post(body, path=path))
    caller.sock.settimeout(0.01)
    engine.listening.settimeout(0.01)
    while True:
        try:
            return caller.message().status
        except TimeoutError:
            pass
        try:
            wire = engine.accept()
        except TimeoutError:
            continue
        wire.message()
        wire.send(ok(b"{}", b"Connection: close\r\n"))


def test_a_longer_answer_than_the_context_is_refused_with_both_numbers(
    gateway: Gateway, engine: Puppet
) -> None:
    backend = engine.backend(context=1024, bounds_answer=True)
    gateway.table({"m": Model("ready", backends=(backend,))})
    caller = gateway.connect()
    for turn in range(3):  # the short way must not pass it by
        caller.send(post({**HELLO, "max_tokens": 1024}))
        wire = engine.wires[0] if turn else engine.accept()
        wire.message()
        wire.send(ok(b"{}"))
        assert caller.message().status == 200
        caller.send(post({**HELLO, "max_tokens": 1025}))
        answer = caller.message()
        assert (answer.status, answer.error["code"]) == (400, "context_too_long")
        assert "1024 tokens" in answer.error["message"]
        assert "1025" in answer.error["message"]
        assert answer.error["param"] == "max_tokens"


def test_a_prompt_of_tokens_is_counted(gateway: Gateway, engine: Puppet) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(context=512),))})
    for prompt in ([1] * 513, [[1] * 3, [7] * 600]):
        caller = gateway.connect()
        caller.send(post({"model": "m", "prompt": prompt}, path=COMPLETIONS))
        answer = caller.message()
        assert (answer.status, answer.error["code"]) == (400, "context_too_long")
        assert "512 tokens" in answer.error["message"]
        assert answer.error["param"] == "prompt"
    for fits in ([1] * 512, [[1] * 512, [2] * 512], "x" * 9000, ["x" * 9000]):
        assert asked(gateway, engine, {"model": "m", "prompt": fits}, COMPLETIONS) == 200


@pytest.mark.parametrize(
    ("backend", "body", "path"),
    [
        ({"context": None, "bounds_answer": True}, {"max_tokens": 10**9}, CHAT),
        ({"context": 512}, {"max_tokens": 10**9}, CHAT),
        ({"context": 512, "bounds_answer": True}, {"max_tokens": "many"}, CHAT),
        ({"context": 512, "bounds_answer": True}, {"max_tokens": 9.5}, CHAT),
        ({"context": 512, "bounds_answer": True}, {"metadata": {"max_tokens": 10**9}}, CHAT),
        ({"context": 512, "bounds_answer": True}, {"max_tokens": 10**9}, b"/v1/embeddings"),
        ({"context": 2}, {"prompt": [1] * 9, "truncate_prompt_tokens": 2}, COMPLETIONS),
    ],
)
def test_what_is_not_certain_goes_to_the_engine(
    gateway: Gateway, engine: Puppet, backend: dict[str, Any], body: dict[str, Any], path: bytes
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(**backend),))})
    assert asked(gateway, engine, {"model": "m", **body}, path) == 200


def test_behind_a_name_the_longer_one_takes_it(
    gateway: Gateway, engine: Puppet, second: Puppet
) -> None:
    models = {
        "short": Model("ready", backends=(engine.backend(context=256),)),
        "long": Model("ready", backends=(second.backend(context=1024),)),
        "m": Model("ready", members=(Member("short"), Member("long"))),
    }
    gateway.table(models)
    for _ in range(3):
        assert asked(gateway, second, {"model": "m", "prompt": [1] * 800}, COMPLETIONS) == 200
    caller = gateway.connect()
    caller.send(post({"model": "m", "prompt": [1] * 2000}, path=COMPLETIONS))
    assert caller.message().error["code"] == "context_too_long"


# --- laws -------------------------------------------------------------------------------------

backends = st.builds(
    Backend,
    st.just("b"),
    st.just("h"),
    st.just(1),
    context=st.none() | st.integers(1, 50),
    bounds_answer=st.booleans(),
)
prompts = st.lists(st.integers(0, 10**6), max_size=60) | st.lists(
    st.lists(st.integers(0, 10**6), max_size=60), max_size=4
)
answers = st.dictionaries(st.sampled_from(ANSWERS), st.none() | st.integers(0, 100), max_size=3)


@given(
    st.lists(backends, min_size=1, max_size=3),
    prompts | st.text(max_size=300),
    answers,
    st.sampled_from([CHAT, COMPLETIONS, b"/v1/responses?a=1", b"/v1/embeddings"]),
)
def test_refused_is_exactly_what_no_engine_could_take(
    backends: list[Backend], prompt: Any, answer: dict[str, int | None], target: bytes
) -> None:
    body = json.dumps({"model": "m", "prompt": prompt, **answer}).encode()
    context = context_of(Model("ready", backends=tuple(backends)), target)
    known = all(one.context is not None for one in backends)
    assert (context is not None) == (known and target != b"/v1/embeddings")
    if context is None:
        return
    assert context.tokens == max(one.context or 0 for one in backends)
    said = [answer[name] for name in ANSWERS if answer.get(name) is not None]
    asks = (said[0] or 0) if said and context.bounds_answer else 0
    lists = prompt if isinstance(prompt, list) and prompt and isinstance(prompt[0], list) else []
    count = max(map(len, lists), default=0) if lists else len(prompt)
    counted = count if isinstance(prompt, list) and target == COMPLETIONS else 0
    refused = too_long("m", context, target, body)
    assert (refused is not None) == (asks > context.tokens or counted > context.tokens)
    if refused is not None:
        assert str(context.tokens) in refused.fault.message


@given(st.binary(max_size=200), st.integers(1, 20), st.booleans())
def test_any_bytes_are_refused_or_not(body: bytes, tokens: int, bounds: bool) -> None:
    assert too_long("m", Context(tokens, bounds), COMPLETIONS, body) is None or body
