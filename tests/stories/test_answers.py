"""The official OpenAI client, unmodified, gets its answers from one address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import exp
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import CHAT, EMBED, RERANK, SHIPPED, Inn

HELLO = [{"role": "user", "content": "Say hello"}]


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / "expected.json").read_text())
    return found


@pytest.fixture
def client(inn: Inn) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{inn.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_a_chat_completion(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(model=CHAT, messages=HELLO, temperature=0)
    assert said.choices[0].message.content == "hello"
    assert said.choices[0].finish_reason == "stop"


def test_a_streamed_chat_completion(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model=CHAT, messages=HELLO, temperature=0, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "".join(pieces) == "hello"
    assert len(pieces) > 1


def test_a_completion(client: openai.OpenAI) -> None:
    prompt = "<|im_start|>user\nSay hello<|im_end|>\n<|im_start|>assistant\n"
    said = client.completions.create(model=f"{CHAT}#q8_0", prompt=prompt, temperature=0)
    assert said.choices[0].text == "hello"


def test_embeddings_are_those_of_the_reference(
    client: openai.OpenAI, expected: dict[str, Any]
) -> None:
    cases = expected["models"]["ostler/tiny-embed"]["cases"]
    texts = [case["text"] for case in cases]
    got = client.embeddings.create(model=EMBED, input=texts, encoding_format="float")
    for mine, case in zip(got.data, cases, strict=True):
        assert mine.embedding == pytest.approx(case["embedding"], abs=1e-4)


def test_what_a_model_is_not_for_is_refused_as_the_callers_fault(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as chatted:
        client.chat.completions.create(model=EMBED, messages=HELLO)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=EMBED, messages=HELLO, stream=True)
    with pytest.raises(openai.BadRequestError) as embedded:
        client.embeddings.create(model=CHAT, input="hello")
    assert chatted.value.code == embedded.value.code == "wrong_task"


def test_the_reranker_scores_as_the_reference(inn: Inn, expected: dict[str, Any]) -> None:
    for case in expected["models"]["ostler/tiny-rerank"]["cases"]:
        body = {"model": RERANK, "query": case["query"], "documents": case["documents"]}
        answer = httpx2.post(f"{inn.address}/v1/rerank", json=body, timeout=60).json()
        scores = {one["index"]: one["relevance_score"] for one in answer["results"]}
        got = [scores[i] for i in range(len(scores))]
        # llama.cpp's flash attention computes in F16 where the reference computes in F64.
        assert got == pytest.approx([1 / (1 + exp(-x)) for x in case["logits"]], abs=2e-2)
        best = max(range(len(got)), key=case["logits"].__getitem__)
        assert got.index(max(got)) == best


def test_the_models_are_listed_with_their_state(client: openai.OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert set(listed) == {f"{CHAT}#q8_0", f"{EMBED}#f32", f"{RERANK}#f32"}
    assert client.models.retrieve(CHAT).id == f"{CHAT}#q8_0"


def test_an_unknown_model_is_told_which_there_are(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="ostler/nobody", messages=HELLO)
    assert refused.value.code == "unknown_model"
    assert f"{CHAT}#q8_0" in refused.value.message


def test_a_prompt_that_is_too_long_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="context"):
        client.chat.completions.create(
            model=CHAT, messages=[{"role": "user", "content": "hello " * 5000}]
        )


def test_many_first_requests_start_one_engine(inn: Inn) -> None:
    """Ten callers ask at the same moment for a model that is not running."""
    inn.shell.ok("stop", CHAT)
    starts = _starts(inn)

    def ask(_: int) -> str:
        body = {"model": CHAT, "messages": HELLO, "temperature": 0}
        answer = httpx2.post(f"{inn.address}/v1/chat/completions", json=body, timeout=60)
        text: str = answer.json()["choices"][0]["message"]["content"]
        return text

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(10))) == ["hello"] * 10
    assert _starts(inn) == starts + 1


def _starts(inn: Inn) -> int:
    log = Path(inn.shell.env["OSTLER_HOME"]) / "logs" / "ostler--tiny-llama-GGUF--q8_0.log"
    return log.read_text(errors="replace").count("=== ") if log.exists() else 0


def test_each_model_has_an_address_of_its_own(inn: Inn) -> None:
    path = f"{inn.address}/runtime/models/{CHAT.replace('/', '%2F')}/v1/chat/completions"
    answer = httpx2.post(path, json={"messages": HELLO, "temperature": 0}, timeout=60)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"


def test_health_and_readiness(inn: Inn) -> None:
    assert httpx2.get(f"{inn.address}/health").status_code == 200
    assert httpx2.get(f"{inn.address}/ready").json()["status"] == "ready"
