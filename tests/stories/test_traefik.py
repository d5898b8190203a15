"""The exported files are served by the real Traefik: each path leads to its model's engine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stories.conftest import CHAT, EMBED, Inn

TRAEFIK = Path(sys.executable).with_name("traefik")
SAY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "model": f"{CHAT}#q8_0"}
CHAT_PATH = "/runtime/models/ostler-tiny-llama-gguf-q8-0/v1"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def ask(address: str, value: Any = None) -> tuple[int, Any]:
    body = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, None


def until(status: int, address: str, value: Any = None) -> Any:
    """Ask until it answers so; Traefik reads a new file within a moment."""
    deadline = time.monotonic() + 30
    while True:
        found, body = ask(address, value)
        if found == status:
            return body
        assert time.monotonic() < deadline, (address, found, body)
        time.sleep(0.05)


@pytest.fixture
def traefik(inn: Inn, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    for model in (CHAT, EMBED):
        inn.shell.ok("load", model)
    listen, out = f"127.0.0.1:{free_port()}", tmp_path / "traefik"
    inn.shell.ok("export", "traefik", "--listen", listen, "-o", str(out))
    process = subprocess.Popen(
        [TRAEFIK, f"--configfile={out / 'traefik.yaml'}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield f"http://{listen}", out
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_path_leads_to_its_engine_and_to_no_other(inn: Inn, traefik: tuple[str, Path]) -> None:
    address, out = traefik
    chat = until(200, f"{address}{CHAT_PATH}/chat/completions", SAY)
    assert chat["choices"][0]["message"]["content"]
    plain = until(200, f"{address}/models/{EMBED}/v1/embeddings", {"input": "a", "model": EMBED})
    assert len(plain["data"][0]["embedding"]) > 8
    ours = until(200, f"{address}{CHAT_PATH}/models")["data"]
    assert "tiny-llama" in json.dumps(ours)
    assert "embed" not in json.dumps(ours)
    assert ask(f"{address}/models/{EMBED}x/v1/models")[0] == 404
    assert ask(f"{address}/v1/models")[0] == 404

    assert inn.shell.ok("sync", "--check").code == 0
    inn.shell.ok("unload", EMBED)
    stale = inn.shell.run("sync", "--check", "--json").json()["differences"]
    assert [(one["kind"], Path(one["where"]).name) for one in stale] == [
        ("file_stale", "ostler.yaml")
    ]
    inn.shell.ok("export", "traefik", CHAT, "--listen", address[7:], "-o", str(out), "--force")
    until(404, f"{address}/models/{EMBED}/v1/models")
    assert ask(f"{address}{CHAT_PATH}/models")[0] == 200

    inn.shell.ok(
        *("export", "traefik", "--gateway", inn.address, "--listen", address[7:]),
        *("-o", str(out), "--force"),
    )
    assert until(200, f"{address}/v1/models")["data"]
    assert until(200, f"{address}/models/{CHAT}/v1/chat/completions", SAY)["choices"]


def test_engines_are_not_opened_to_others_without_a_password(inn: Inn) -> None:
    done = inn.shell.run("export", "traefik", f"{CHAT}=http://127.0.0.1:1", "--listen", ":8080")
    assert done.code == 2
    assert "--users" in done.err
    wrong = inn.shell.run("export", "traefik", f"{CHAT}=http://evil/`) || Path(`/")
    assert wrong.code == 2
    assert "no address" in wrong.err
