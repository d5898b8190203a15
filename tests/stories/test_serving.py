"""The server as an operator meets it: keys, loading, stopping, deaths, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest
from tests.stories.conftest import CHAT, EMBED, Inn, Shell, address_said, end

HELLO = {
    "model": CHAT,
    "temperature": 0,
    "messages": [{"role": "user", "content": "Say hello"}],
}


def hello(address: str, **headers: str) -> httpx2.Response:
    return httpx2.post(f"{address}/v1/chat/completions", json=HELLO, headers=headers, timeout=60)


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Look until it is so; the state of other processes announces itself no other way."""
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def loaded(shell: Shell, model: str) -> dict[str, Any]:
    models: list[dict[str, Any]] = shell.ok("ps", "--json").json()["models"]
    return next(one for one in models if one["id"].startswith(model))


@pytest.fixture
def server(shell: Shell) -> Iterator[tuple[Shell, str, subprocess.Popen[str]]]:
    """A server of its own for a test that may break it."""
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    process = shell.background("serve", "--port", "0")
    try:
        yield shell, address_said(process), process
    finally:
        end(process)


def test_an_engine_that_is_killed_is_started_again(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, _ = server
    assert hello(address).status_code == 200
    pid = loaded(shell, CHAT)["pid"]
    os.kill(pid, signal.SIGKILL)
    failed = until(lambda: (one := loaded(shell, CHAT))["state"] == "failed" and one)
    assert "died" in failed["why"]
    answer = until(lambda: (got := hello(address)).status_code == 200 and got)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert loaded(shell, CHAT)["pid"] != pid


def test_a_killed_server_leaves_no_engine(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, process = server
    Path(shell.env["OSTLER_HOME"], "ostler.yaml").write_text("adopt: false\n")
    until(lambda: httpx2.get(f"{address}/api/wishes").json()["wishes"].get("adopt") == 0)
    hello(address)
    engine = psutil.Process(loaded(shell, CHAT)["pid"])
    process.kill()
    process.wait()
    assert not psutil.wait_procs([engine], timeout=20)[1]
    assert "No server" in shell.ok("ps").out


def test_the_server_ends_with_everything_it_started(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, process = server
    hello(address)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    shell.ok("stop", "--all")
    assert process.wait(timeout=60) == 0
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_a_second_server_for_the_same_home_is_refused(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, _ = server
    second = shell.run("serve", "--port", "0")
    assert second.code == 24
    assert address in second.err


def test_a_model_pulled_meanwhile_is_served(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, _ = server
    shell.ok("pull", EMBED, "--quiet")
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
    until(lambda: f"{EMBED}#f32" in {model.id for model in client.models.list()})
    assert len(client.embeddings.create(model=EMBED, input="cat").data[0].embedding) == 32
    client.close()


def test_a_busy_model_drains_before_it_stops(
    server: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, _ = server
    hello(address)
    body = {"model": CHAT, "prompt": "The", "max_tokens": 1500, "stream": True, "ignore_eos": True}
    with httpx2.stream("POST", f"{address}/v1/completions", json=body, timeout=60) as stream:
        lines = stream.iter_lines()
        next(lines)
        said = shell.ok("stop", CHAT, "--json").json()
        assert said["state"] in ("draining", "stopping", "stopped")
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]", "the stream that was under way came to its end"
    until(lambda: not shell.ok("ps", "--json").json()["models"])


def test_run_asks_the_server_that_is_there(inn: Inn) -> None:
    done = inn.shell.ok("run", CHAT, "Say hello", "--temperature", "0")
    assert done.out.strip() == "hello"
    assert inn.address in done.err


def test_one_request_of_each_kind_is_timed(inn: Inn) -> None:
    for model in (CHAT, EMBED):
        tried = inn.shell.ok("test", model, "--json").json()
        assert tried["ok"] is True
        assert tried["seconds"] > 0


def test_what_is_loaded_is_shown(inn: Inn) -> None:
    hello(inn.address)
    shown = inn.shell.ok("ps").out
    assert f"{CHAT}#q8_0" in shown
    assert "llamacpp" in shown
    one = loaded(inn.shell, CHAT)
    assert one["state"] == "ready"
    assert one["memory_bytes"] > 0
    assert one["requests"] >= 1


def test_an_engine_s_own_log_is_shown(inn: Inn) -> None:
    hello(inn.address)
    assert "slot" in inn.shell.ok("logs", CHAT).out
    assert "tiny-llama" in inn.shell.ok("logs").out


def test_keys_are_asked_for(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    keys = tmp_path / "keys"
    keys.write_text("anna key-of-anna\nbert key-of-bert  # a second caller\n")
    loose = shell.run("serve", "--port", "0", "--keys", str(keys))
    assert loose.code == 2
    assert "chmod 600" in loose.err
    keys.chmod(0o600)
    process = shell.background("serve", "--port", "0", "--keys", str(keys))
    try:
        address = address_said(process)
        assert httpx2.get(f"{address}/health").status_code == 200
        assert hello(address).status_code == 401
        assert hello(address, authorization="Bearer nonsense").status_code == 401
        assert httpx2.get(f"{address}/api/server").status_code == 401
        for key in ("key-of-anna", "key-of-bert"):
            assert hello(address, authorization=f"Bearer {key}").status_code == 200
        assert shell.ok("ps").out.startswith("Server at")  # the owner's own commands go on
        every = psutil.process_iter(["cmdline"])  # None for one that has just ended
        argv = " ".join(word for one in every for word in one.info["cmdline"] or ())
        assert "key-of-anna" not in argv
        announced = Path(shell.env["OSTLER_HOME"], "run", "serve.json")
        assert announced.stat().st_mode & 0o077 == 0
    finally:
        end(process)


def test_a_foreign_web_page_may_change_nothing(inn: Inn) -> None:
    path = f"{inn.address}/api/models/{EMBED}/unload"
    answer = httpx2.post(path, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert json.loads(answer.text)["error"]["code"] == "foreign_origin"


def test_a_name_that_was_made_to_lead_here_gets_nothing(inn: Inn) -> None:
    answer = httpx2.get(f"{inn.address}/v1/models", headers={"Host": "rebound.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host_not_allowed"
