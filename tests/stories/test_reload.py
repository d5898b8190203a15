"""The server is reloaded and ended under load: no request is lost, no stream is cut."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.stories.conftest import CHAT, Shell, address_said, end, environment

PATIENCE = 30.0
LONG = {"model": CHAT, "prompt": "The", "max_tokens": 1500, "stream": True, "ignore_eos": True}
SHORT = {"model": CHAT, "prompt": "The", "max_tokens": 1}


def until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Path:
    home = tmp_path_factory.mktemp("reload")
    Shell(environment(home / "home", shipped_hub)).ok("pull", f"{CHAT}#q8_0", "--quiet")
    (home / "keys").touch(mode=0o600)
    return home


@pytest.fixture
def server(home: Path, shipped_hub: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    (home / "keys").write_text("anna old\nben lasting\n")
    shell = Shell(environment(home / "home", shipped_hub))
    words = ("serve", "--port", "0", "--keys", str(home / "keys"), "--workers", "2")
    process = shell.background(*words)
    try:
        address = address_said(process)
        first = asked(address, "lasting", SHORT)
        assert first.status_code == 200, first.text
        yield address, process
    finally:
        end(process)


def asked(address: str, key: str, body: dict[str, Any]) -> httpx2.Response:
    url, headers = f"{address}/v1/completions", {"Authorization": f"Bearer {key}"}
    return httpx2.post(url, json=body, headers=headers, timeout=PATIENCE)


def test_a_reload_under_load_changes_keys_and_drops_nothing(
    server: tuple[str, subprocess.Popen[str]], home: Path
) -> None:
    address, process = server
    over = threading.Event()

    def ask_on() -> list[int]:
        """Requests one after the other over kept connections, and a long stream at the end."""
        headers = {"Authorization": "Bearer lasting"}
        seen = []
        with httpx2.Client(base_url=address, headers=headers, timeout=PATIENCE) as client:
            while not over.is_set():
                seen.append(client.post("/v1/completions", json=SHORT).status_code)
        return seen

    def stream_on() -> list[bool]:
        whole = []
        while not over.is_set():
            whole.append(asked(address, "lasting", LONG).text.endswith("data: [DONE]\n\n"))
        return whole

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_on) for _ in range(2)]
        streaming = [pool.submit(stream_on) for _ in range(2)]
        try:
            assert asked(address, "old", SHORT).status_code == 200
            for number in range(5):
                (home / "keys").write_text(f"anna new{number}\nben lasting\n")
                process.send_signal(signal.SIGHUP)
                until(lambda key=f"new{number}": asked(address, key, SHORT).status_code == 200)
            assert asked(address, "old", SHORT).status_code == 401
            (home / "keys").write_text("what is no key file\nat all\n")
            process.send_signal(signal.SIGHUP)
            assert asked(address, "new4", SHORT).status_code == 200
        finally:
            over.set()
        statuses = [status for one in asking for status in one.result()]
        whole = [done for one in streaming for done in one.result()]
    assert statuses
    assert set(statuses) == {200}
    assert whole
    assert all(whole)


@pytest.mark.parametrize("times", [1, 2])
def test_the_end_waits_for_running_answers_unless_it_is_asked_twice(
    server: tuple[str, subprocess.Popen[str]], times: int
) -> None:
    address, process = server
    headers = {"Authorization": "Bearer lasting"}
    with httpx2.stream(
        "POST", f"{address}/v1/completions", json=LONG, headers=headers, timeout=PATIENCE
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
        if times == 1:
            until(lambda: not accepts(address))
            assert [line for line in lines if line][-1] == "data: [DONE]"
    assert process.wait(PATIENCE) == 0


def accepts(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/health", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False
