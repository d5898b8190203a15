"""A server that is killed: no stream is lost, and the next server takes the engines over."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import httpx2
import psutil
from tests.stories.conftest import CHAT, Shell, address_said, end


def ask(address: str) -> httpx2.Response:
    body = {"model": CHAT, "prompt": "The", "max_tokens": 2}
    return httpx2.post(f"{address}/v1/completions", json=body, timeout=30)


def ended(pid: int) -> bool:
    """Whether it has gone; who took it in may not have buried it yet."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_stream_outlives_the_server_and_the_engine_is_taken_over(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    home = Path(shell.env["OSTLER_HOME"])
    (home / "ostler.yaml").write_text("adopt: true  # engines outlive a server that dies\n")
    first = shell.background("serve", "--port", "0", "--context", "4096")
    address = address_said(first)
    assert ask(address).status_code == 200
    engine = shell.ok("ps", "--json").json()["models"][0]["pid"]
    body = {"model": CHAT, "prompt": "The", "max_tokens": 1900, "stream": True, "ignore_eos": True}
    lines: list[str] = []
    flowing = threading.Event()

    def stream() -> None:
        url = f"{address}/v1/completions"
        with httpx2.stream("POST", url, json=body, timeout=60) as answer:
            for line in answer.iter_lines():
                lines.append(line)
                flowing.set()

    reader = threading.Thread(target=stream)
    reader.start()
    assert flowing.wait(20)
    assert "data: [DONE]" not in lines, "it still flows"
    first.kill()
    first.wait()
    for pipe in (first.stdout, first.stderr):
        assert pipe
        pipe.close()
    began = time.monotonic()
    second = shell.background("serve", "--port", address.rpartition(":")[2], "--context", "4096")
    try:
        assert address_said(second) == address
        up = time.monotonic()
        assert ask(address).status_code == 200
        assert time.monotonic() - up < 2.0, "new requests work at once"
        assert time.monotonic() - began < 20.0
        assert shell.ok("ps", "--json").json()["models"][0]["pid"] == engine, "it was taken over"
        reader.join(60)
        assert [line for line in lines if line][-1] == "data: [DONE]"
        tokens = sum(bool(json.loads(line[6:])["choices"]) for line in lines if line[6:7] == "{")
        assert tokens >= 1890
    finally:
        end(second)
        reader.join(10)
    assert ended(engine), "an orderly end leaves nothing"
    assert not list((home / "run" / "engines").glob("*.json"))
