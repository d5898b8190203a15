"""A house whose llama.cpp is the real llama-server: answers, memory, drain, its own flags."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import exp
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from tests.stories.conftest import (
    CHAT,
    EMBED,
    RERANK,
    SHIPPED,
    Inn,
    Shell,
    address_said,
    end,
    environment,
    shipped_hub,
)

from ostler.errors import EngineFailed
from ostler.launchers.ports import free_port
from ostler.programs.llamacpp import KV_TYPES

__all__ = ["shipped_hub"]
pytestmark = pytest.mark.heavy
PATIENCE = 60.0  # seconds


@pytest.fixture(scope="module")
def shell(llama_server: Path, tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Shell:
    """A user who put a llama-server into the folder of engines."""
    folder = tmp_path_factory.mktemp("house")
    place = folder / "engines" / "llamacpp" / "bin" / "llama-server"
    place.parent.mkdir(parents=True)
    place.symlink_to(llama_server)
    shell = Shell(
        environment(folder / "home", shipped_hub) | {"OSTLER_ENGINES": str(folder / "engines")}
    )
    for model in (f"{CHAT}#q8_0", f"{CHAT}#f32", EMBED, RERANK):
        shell.ok("pull", model, "--quiet")
    return shell


@pytest.fixture(scope="module")
def inn(shell: Shell) -> Iterator[Inn]:
    server = shell.background("serve", "--port", "0")
    try:
        yield Inn(address_said(server), shell, server)
    finally:
        assert end(server) == 0


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SHIPPED / "expected.json").read_text())["models"]
    return found


def client(inn: Inn) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{inn.address}/v1", api_key="none", max_retries=0)


def test_it_is_the_one_that_is_used(shell: Shell) -> None:
    row = next(one for one in shell.ok("engine", "ls").out.splitlines() if "llamacpp" in one)
    assert "placed" in row
    assert "/llamacpp/bin/llama-server" in row


def test_it_answers_as_the_reference(inn: Inn, expected: dict[str, Any]) -> None:
    with client(inn) as asked:
        for case in expected["ostler/tiny-llama"]["cases"]:
            said = asked.chat.completions.create(
                model=f"{CHAT}#q8_0", messages=case["messages"], temperature=0
            )
            assert said.choices[0].message.content == case["answer"]
        cases = expected["ostler/tiny-embed"]["cases"]
        texts = [case["text"] for case in cases]
        got = asked.embeddings.create(model=EMBED, input=texts, encoding_format="float")
    for mine, case in zip(got.data, cases, strict=True):
        assert mine.embedding == pytest.approx(case["embedding"], abs=1e-3)


def test_its_scores_are_on_the_one_scale(inn: Inn, expected: dict[str, Any]) -> None:
    for case in expected["ostler/tiny-rerank"]["cases"]:
        body = {"model": RERANK, "query": case["query"], "documents": case["documents"]}
        answer = httpx2.post(f"{inn.address}/v1/rerank", json=body, timeout=PATIENCE).json()
        scores = {one["index"]: one["relevance_score"] for one in answer["results"]}
        got = [scores[index] for index in range(len(scores))]
        assert got == pytest.approx([1 / (1 + exp(-x)) for x in case["logits"]], abs=2e-2)


def test_what_it_took_is_learnt_from_its_log(inn: Inn) -> None:
    with client(inn) as asked:
        asked.completions.create(model=f"{CHAT}#q8_0", prompt="Hi", max_tokens=1)
    deadline = time.monotonic() + PATIENCE
    while True:
        known = inn.shell.ok("info", f"{CHAT}#q8_0", "--json").json()["measured"]
        parts = {one["component"]: one["bytes"] for one in known}
        if "kv" in parts or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert {"weights", "kv", "compute_buffer", "total"} <= parts.keys()
    assert 500_000 < parts["weights"] < 2_000_000


def test_a_stream_ends_whole_before_it_is_stopped(inn: Inn) -> None:
    """It drops its streams when it is asked to end: so it is asked once they have ended."""
    with client(inn) as asked:
        stream = asked.chat.completions.create(
            model=f"{CHAT}#f32", messages=[{"role": "user", "content": "Go on"}], stream=True,
            max_tokens=1500, temperature=0, extra_body={"ignore_eos": True},
        )  # fmt: skip
        chunks = [next(stream)]
        said = inn.shell.ok("unload", f"{CHAT}#f32", "--json").json()
        chunks += list(stream)
    assert said["state"] == "draining"
    assert chunks[-1].choices[0].finish_reason == "length"
    assert len(chunks) > 1000
    deadline = time.monotonic() + PATIENCE
    while f"{CHAT}#f32" in inn.shell.ok("ps", "--json").out:
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.1)


@pytest.mark.parametrize("kind", KV_TYPES)
def test_each_type_of_cache(shell: Shell, kind: str) -> None:
    done = shell.ok("run", f"{CHAT}#q8_0", "Say hello", "--kv-dtype", kind, "--temperature", "0")
    assert done.out.strip() == "hello"


def test_it_takes_its_own_flags_and_names_the_one_it_lacks(shell: Shell) -> None:
    words = ("run", f"{CHAT}#q8_0", "Say hello", "--temperature", "0")
    assert shell.ok(*words, "--flag", "seed=7", "--flag", "top-k=1").out.strip() == "hello"
    refused = shell.run(*words, "--flag", "shiny-new-flag=1")
    assert refused.code == EngineFailed.exit_code
    assert "does not know one of its flags: --shiny-new-flag" in refused.err


@contextmanager
def by_its_own_name(program: Path, env: dict[str, str], *words: str) -> Iterator[str]:
    """The program as a user starts it without us; its address once it is healthy."""
    port = free_port("127.0.0.1", range(21300, 21400))
    where = ("--host", "127.0.0.1", "--port", str(port), "-c", "256", "-t", "1")
    argv = [str(program), *where, *words]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as one:
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    if httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                        break
                except httpx2.TransportError:
                    pass
                assert one.poll() is None, one.communicate()[0][-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            one.terminate()
            one.communicate()


def test_its_own_name_for_a_model_goes_to_our_hub_and_to_what_is_kept(
    llama_server: Path, shell: Shell, tmp_path: Path
) -> None:
    """`llama-server -hf org/name:quant`, from the hub, and offline out of `env --hub-cache`."""
    view = shell.ok("env", "--hub-cache").out.strip()
    nobody = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": view}
    own = {"HF_HUB_CACHE": str(tmp_path / "own")}
    for env, words in ((own, ()), (nobody, ("--offline",))):
        name = ("-hf", f"{CHAT}:Q8_0")
        with by_its_own_name(llama_server, {**os.environ, **shell.env, **env}, *name, *words) as at:
            asked = {"messages": [{"role": "user", "content": "Say hello"}], "temperature": 0}
            said = httpx2.post(f"{at}/v1/chat/completions", json=asked, timeout=PATIENCE).json()
            assert said["choices"][0]["message"]["content"] == "hello"
