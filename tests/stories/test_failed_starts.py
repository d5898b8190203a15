"""A model that cannot be started says the same to everybody: alone, by a server, by its API."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest
from tests.stories.conftest import CHAT, SHIPPED, Shell, address_said, end, environment

import ostler
from ostler.errors import (
    ContextTooLong,
    EngineFailed,
    EngineUnsupported,
    StartupTimeout,
    UnsupportedArchitecture,
)

ODD = "NeverHeardOfForCausalLM"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> tuple[Shell, str]:
    """A home with the chat model and one of an architecture that nobody loads; its name."""
    folder = tmp_path_factory.mktemp("stock")
    shell = Shell(environment(folder / "home", shipped_hub))
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    shutil.copytree(SHIPPED / "ostler/tiny-llama", folder / "acme/odd")
    config = folder / "acme/odd/config.json"
    said = json.loads(config.read_text()) | {"architectures": [ODD], "model_type": "never_heard_of"}
    config.chmod(0o644)
    config.write_text(json.dumps(said))
    shell.ok("pull", f"folder:{folder}/acme/odd", "--quiet")
    (odd,) = [one["id"] for one in shell.ok("ls", "--json").json() if "odd" in one["id"]]
    return shell, odd


@pytest.fixture
def server(stocked: tuple[Shell, str]) -> Iterator[tuple[Shell, str, str]]:
    """A server that nothing has been asked of; its address, and the odd model's name."""
    shell, odd = stocked
    wishes = f'models: {{"{CHAT}#q8_0": {{deadline: 0.01s}}}}\n'
    Path(shell.env["OSTLER_HOME"], "ostler.yaml").write_text(wishes)
    process = shell.background("serve", "--port", "0")
    try:
        yield shell, address_said(process), odd
    finally:
        end(process)


def failures(shell: Shell, model: str) -> list[str]:
    """The codes of a model's failures, as the history tells them."""
    events = shell.ok("history", "--json").json()
    return [e["facts"]["code"] for e in events if (e["act"], e["subject"]) == ("fail", model)]


def test_an_architecture_that_nobody_loads(server: tuple[Shell, str, str]) -> None:
    shell, address, odd = server
    alone = shell.run("engine", odd, "--json").json()["error"]
    kind = UnsupportedArchitecture
    for words in (("load", odd, "--json"), ("run", odd, "Hi"), ("load", odd), ("test", odd)):
        done = shell.run(*words)
        assert (done.code, ODD in done.out + done.err) == (kind.exit_code, True), words
        assert "--architectures" in done.out + done.err, words
    body = {"model": odd, "messages": [{"role": "user", "content": "x"}]}
    answer = httpx2.post(f"{address}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == kind.http_status
    assert "retry-after" not in answer.headers
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (kind.code, "invalid_request_error")
    assert error["message"] == alone["message"]
    assert error["hint"] == alone["hint"]
    with ostler.Ostler(home=Path(shell.env["OSTLER_HOME"])) as client:
        with pytest.raises(kind, match=ODD):
            client.load(odd)
        with pytest.raises(kind, match=ODD):
            list(client.stream(odd, "x"))
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
        pytest.raises(openai.ConflictError),
    ):
        client.chat.completions.create(model=odd, messages=[{"role": "user", "content": "x"}])
    (one,) = shell.ok("ps", "--json").json()["models"]
    assert (one["state"], one["code"], one["hint"]) == ("failed", kind.code, alone["hint"])
    assert one["last_used_seconds"] is None
    assert f"  {alone['hint']}" in shell.ok("ps").out
    until = time.monotonic() + 30
    while not (told := failures(shell, odd)):  # the history is written beside the work
        assert time.monotonic() < until
    assert set(told) == {kind.code}


def test_a_start_that_takes_too_long_and_an_engine_that_dies(
    server: tuple[Shell, str, str],
) -> None:
    shell, address, _ = server
    kind = StartupTimeout
    assert shell.run("load", CHAT, "--json").code == kind.exit_code
    done = shell.run("run", CHAT, "Hi")
    assert (done.code, "`deadline` in ostler.yaml" in done.err) == (kind.exit_code, True)
    body = {"model": CHAT, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    answer = httpx2.post(f"{address}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == kind.http_status
    assert int(answer.headers["retry-after"]) >= 1, "the next start may be quicker"
    assert answer.json()["error"]["code"] == kind.code
    wishes = Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    wishes.write_text("models: {}\n")
    until = time.monotonic() + 30
    while shell.run("load", CHAT).code:  # the server looks at its wishes once a second
        assert time.monotonic() < until
    (one,) = shell.ok("ps", "--json").json()["models"]
    assert (one["state"], one["code"], one["last_used_seconds"]) == ("ready", None, None)
    assert "not yet" in shell.ok("ps").out
    shell.ok("run", CHAT, "Hi", "--max-tokens", "1")
    (one,) = shell.ok("ps", "--json").json()["models"]
    assert one["last_used_seconds"] >= 0
    assert re.search(r"\d s ago|\bnow\b", shell.ok("status").out)
    psutil.Process(one["pid"]).kill()
    until = time.monotonic() + 30
    while (one := shell.ok("ps", "--json").json()["models"][0])["state"] != "failed":
        assert time.monotonic() < until, one
    assert (one["code"], one["cause"]) == (EngineFailed.code, "killed")
    assert one["last_used_seconds"] is not None, "it is known of what died, too"
    (deployed,) = httpx2.get(f"{address}/api/deployments").json()
    assert (deployed["code"], deployed["hint"]) == (one["code"], one["hint"])
    assert deployed["last_used_seconds"] >= one["last_used_seconds"]


def test_a_preloaded_model_comes_by_itself_once_its_wish_is_mended(
    stocked: tuple[Shell, str],
) -> None:
    shell, _ = stocked
    model, wishes = f"{CHAT}#q8_0", Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    wishes.write_text(f'preload: ["{model}"]\nmodels: {{"{model}": {{context: 999999}}}}\n')
    process = shell.background("serve", "--port", "0")
    try:
        address_said(process)
        one = becomes(shell, "failed")
        assert one["code"] == ContextTooLong.code
        wishes.write_text(f'preload: ["{model}"]\nmodels: {{"{model}": {{context: 512}}}}\n')
        assert becomes(shell, "ready")["code"] is None
    finally:
        end(process)


def becomes(shell: Shell, state: str) -> dict[str, Any]:
    """The one model of the server, once it is in a state."""
    until = time.monotonic() + 60
    while True:
        one: dict[str, Any]
        for one in shell.ok("ps", "--json").json()["models"]:
            if one["state"] == state:
                return one
        assert time.monotonic() < until, shell.run("ps").out


def test_a_model_that_no_engine_is_here_for_is_told_before_it_is_fetched(
    tmp_path: Path, shipped_hub: str
) -> None:
    env = environment(tmp_path / "home", shipped_hub) | {"OSTLER_ENGINES": str(tmp_path / "none")}
    done = Shell(env).run("run", "ostler/tiny-llama", "hello")
    assert done.code == EngineUnsupported.exit_code
    first, _, rest = done.err.partition("It is fetched all the same.")
    assert "No engine here can run this model." in first
    assert "ostler engine install" in rest.splitlines()[0]
    assert "Kept ostler/tiny-llama" in rest
