"""Clients of others, unmodified, in an environment of their own: `make consumers` brings it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stories.conftest import CHAT, EMBED, RERANK, ROOT, Inn

PYTHON = ROOT / ".consumers/clients/bin/python"
PROGRAMS = Path(__file__).parent / "clients"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(inn: Inn) -> Run:
    if not PYTHON.exists():
        pytest.skip("NO CLIENTS: LangChain, LiteLLM, Anthropic were not tried; `make consumers`")

    def run(program: str, *models: str) -> dict[str, Any]:
        done = subprocess.run(
            [str(PYTHON), str(PROGRAMS / program), inn.address, *models],
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run


def test_openai(run: Run) -> None:
    found = run("openai_sdk.py", CHAT, EMBED)
    assert found["response"] == found["streamed"] == "hello"
    assert found["events"][0] == "response.created"
    assert found["events"][-1] == "response.completed"
    assert "response.output_text.delta" in found["events"]
    assert found["structured"]["word"] in ("hello", "bye")
    assert found["embeddings"] == [32, 32]
    assert found["usage"] == 2
    assert found["too long"] == "context_too_long"
    assert found["unknown"] == ["not_found_error", "unknown_model", "model"]
    assert f"{CHAT}#q8_0" in found["models"]


def test_langchain(run: Run) -> None:
    found = run("langchain.py", CHAT, EMBED)
    assert {found[name] for name in ("said", "streamed", "awaited", "response")} == {"hello"}
    assert found["structured"]["word"] in ("hello", "bye")
    assert (found["tokens"], found["embedding"], found["tools"]) == (12, 32, "ai")


def test_litellm(run: Run) -> None:
    found = run("litellm_sdk.py", CHAT, EMBED, RERANK)
    assert found["said"] == found["streamed"] == "hello"
    assert (found["tokens"], found["embedding"]) == (12, 32)
    assert all(0 < score < 1 for score in found["scores"])
    assert (found["unknown"], found["too long"]) == (True, 400)


def test_anthropic(run: Run) -> None:
    found = run("anthropic_sdk.py", CHAT)
    assert found["said"] == found["streamed"] == "hello"
    assert (found["stop"], found["tokens"], found["counted"]) == ("end_turn", 2, 10)
    assert found["unknown"] == "unknown_model"


def test_open_webui(run: Run) -> None:
    found = run("open_webui.py", CHAT, EMBED, RERANK)
    assert f"{CHAT}#q8_0" in found["models"]
    assert found["kind"].startswith("text/event-stream")
    assert (found["text"], found["done"], found["usage"]) == ("hello", True, 12)
    assert (found["title"], found["embedding"]) == ("assistant", 32)
    assert all(0 < score < 1 for score in found["scores"])
