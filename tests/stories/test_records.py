"""Keys, history and measurements as an operator meets them, on real servers and engines."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.conftest import HubForTests
from tests.stories.conftest import CHAT, EMBED, Shell, address_said, end
from tests.stories.test_serving import until

from ostler.testing.faults import FlipByte

ID = f"{CHAT}#q8_0"


@pytest.fixture
def served(shell: Shell) -> Iterator[tuple[Shell, str, subprocess.Popen[str]]]:
    shell.ok("pull", ID, "--quiet")
    process = shell.background("serve", "--port", "0", "--access-log", log(shell))
    try:
        yield shell, address_said(process), process
    finally:
        end(process)


def log(shell: Shell) -> str:
    """Where the server of this home writes its requests."""
    return f"{shell.env['OSTLER_HOME']}/requests.jsonl"


def ask(address: str, key: str = "", path: str = "/v1/models", method: str = "GET") -> Any:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.request(method, address + path, headers=headers, timeout=60)


def answer(address: str, key: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = {"model": CHAT, "prompt": "The", "max_tokens": 5, "temperature": 0}
    return httpx2.post(f"{address}/v1/completions", json=body, headers=headers, timeout=60)


def made(shell: Shell, name: str, *words: str) -> str:
    said = shell.ok("keys", "create", name, *words, "--json").json()
    assert said["server_knows"] is True
    key: str = said["key"]
    return key


def acts(shell: Shell, *words: str) -> list[tuple[str, str, str]]:
    told = shell.ok("history", "--json", *words).json()
    return [(one["act"], one["subject"], one["outcome"]) for one in told]


def test_keys_are_in_force_at_once(served: tuple[Shell, str, subprocess.Popen[str]]) -> None:
    shell, address, process = served
    assert ask(address).status_code == 200
    anna = made(shell, "anna", "--models", "ostler/*-llama-*")
    bert = made(shell, "bert", "--models", "other/*")
    boss = made(shell, "boss", "--role", "operator")
    assert ask(address).status_code == 401
    assert answer(address).status_code == 401
    assert answer(address, anna).status_code == 200
    assert answer(address, bert).status_code in (403, 404)
    assert ask(address, bert).json()["data"] == []
    assert [one["id"] for one in ask(address, anna).json()["data"]] == [ID]
    unload = f"/api/models/{CHAT}/unload"
    refused = ask(address, anna, unload, "POST")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert ask(address, boss, unload, "POST").status_code == 200
    shell.ok("keys", "revoke", "anna", "--yes")
    assert answer(address, anna).status_code == 401
    new = shell.ok("keys", "rotate", "boss", "--json").json()["key"]
    assert ask(address, boss, "/api/server").status_code == 401
    assert ask(address, new, "/api/server").status_code == 200
    for name in ("bert", "boss"):
        shell.ok("keys", "revoke", name, "--yes")
    assert ask(address).status_code == 401, "the end of the last key opens no door"
    assert shell.ok("ps").out.startswith("Server at"), "the home's own commands go on"
    end(process)
    files = list(Path(shell.env["OSTLER_HOME"]).glob("ostler.db*"))
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    kept = b"".join(file.read_bytes() for file in files)
    assert not [key for key in (anna, bert, boss, new) if key.encode() in kept]


def test_what_was_done_is_told_also_after_a_kill(
    served: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, process = served
    assert answer(address).status_code == 200
    shell.ok("stop", CHAT)
    process.kill()
    process.wait()
    assert acts(shell) == [("pull", ID, "done"), ("load", ID, "done"), ("unload", ID, "done")]
    shell.ok("rm", CHAT, "--yes")
    assert acts(shell, "--act", "rm") == [("rm", CHAT, "done")]
    assert "stopped by the operator" in shell.ok("history", "--subject", ID).out
    assert "Nothing was done" in shell.ok("history", "--hours", "0").out


def test_requests_are_counted_for_each_key(
    served: tuple[Shell, str, subprocess.Popen[str]],
) -> None:
    shell, address, process = served
    anna = made(shell, "anna")
    for _ in range(3):
        assert answer(address, anna).status_code == 200
    counted = f'ostler_requests_total{{key="anna",model="{ID}",status="200"}} 3.0'
    until(lambda: counted in ask(address, anna, "/metrics").text)
    assert end(process) == 0
    lines = [json.loads(line) for line in Path(log(shell)).read_text().splitlines()]
    asked = [line for line in lines if line["model"] == ID]
    assert [(line["key"], line["status"], line["completion_tokens"]) for line in asked] == [
        ("anna", 200, 5)
    ] * 3
    assert anna not in Path(log(shell)).read_text()
    (use,) = shell.ok("keys", "usage", "--json").json()
    assert (use["key"], use["model"], use["requests"], use["errors"]) == ("anna", ID, 3, 0)
    assert use["completion_tokens"] == 15
    (listed,) = shell.ok("keys", "ls", "--json").json()
    assert listed["tokens_today"] == use["prompt_tokens"] + 15


def test_events_are_streamed(served: tuple[Shell, str, subprocess.Popen[str]]) -> None:
    _, address, _ = served
    with httpx2.stream("GET", f"{address}/api/events", timeout=30) as stream:
        lines = (line for line in stream.iter_lines() if line.startswith((":", "data:")))
        assert next(lines) == ": listening"
        answer(address)
        told = json.loads(next(lines).removeprefix("data: "))
        assert (told["act"], told["subject"]) == ("load", ID)


def test_what_a_start_took_helps_the_next_estimate(shell: Shell) -> None:
    shell.ok("pull", ID, "--quiet")
    assert "measured:" not in shell.ok("fit", CHAT).out
    assert shell.ok("run", CHAT, "Say hello", "--temperature", "0").out.strip() == "hello"
    known = shell.ok("fit", CHAT, "--json").json()
    assert [one for one in known["notes"] if one.startswith("measured: weights")]
    parts = {one["component"] for one in shell.ok("info", CHAT, "--json").json()["measured"]}
    assert parts >= {"weights", "kv", "compute_buffer", "total"}
    shell.ok("measure", CHAT, "--sequences", "2")
    by_hand = ("--vram", "18.2GB", "--engine", "vllm", "--version", "0.11.0")
    (one,) = shell.ok("measure", CHAT, *by_hand, "--json").json()
    assert (one["bytes"], one["engine"], one["component"]) == (18_200_000_000, "vllm", "total")
    shown = shell.ok("info", CHAT).out
    assert "17.0 GiB" in shown
    assert "vllm 0.11.0" in shown
    wrong = shell.run("measure", CHAT, "--vram", "lots")
    assert wrong.code == 2
    assert "18.2GB" in wrong.err or "GB" in wrong.err


def test_a_failed_download_is_remembered(shell: Shell, hub: HubForTests) -> None:
    hub.faults.add("*/model-00001-of-00002.safetensors", FlipByte(300))
    failed = shell.run("pull", "acme/tiny", "--quiet", HF_ENDPOINT=hub.address)
    assert failed.code == 11
    (tried,) = shell.ok("info", "acme/tiny", "--json", HF_ENDPOINT=hub.address).json()["downloads"]
    assert (tried["outcome"], tried["code"]) == ("failed", "checksum_mismatch")
    hub.faults.clear()
    shell.ok("pull", "acme/tiny", "--quiet", HF_ENDPOINT=hub.address)
    shown = shell.ok("info", "acme/tiny").out
    assert "2 tried, 1 failed; the last done" in shown
    assert "checksum_mismatch" in shown
    assert acts(shell) == [("pull", "acme/tiny", "failed"), ("pull", "acme/tiny", "done")]


def test_a_pull_that_is_refused_is_remembered_too(shell: Shell, hub: HubForTests) -> None:
    for name, code in (("acme/none", 6), ("acme/gated", 5), ("acme/tiny@v9", 20)):
        assert shell.run("pull", name, HF_ENDPOINT=hub.address).code == code
    assert shell.run("pull", "acme/none", "--dry-run", HF_ENDPOINT=hub.address).code == 6
    told = shell.ok("history", "--json").json()
    assert [(one["subject"], one["outcome"]) for one in told if one["act"] == "pull"] == [
        ("acme/none", "failed"), ("acme/gated", "failed"), ("acme/tiny", "failed")
    ]  # fmt: skip
    tried = shell.ok("info", "acme/tiny", "--json", HF_ENDPOINT=hub.address).json()
    assert [one["code"] for one in tried["downloads"]] == ["revision_not_found"]


def test_records_that_cannot_be_used_stop_no_pull(shell: Shell) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir(parents=True)
    (home / "ostler.db").write_text("this is no database" * 100)
    pulled = shell.ok("pull", EMBED, "--quiet")
    assert "Not written down" in pulled.err
    asked = shell.run("history")
    assert asked.code == 38
    assert "ostler rebuild" in asked.err


def test_an_access_log_that_cannot_be_written(shell: Shell) -> None:
    refused = shell.run("serve", "--port", "0", "--access-log", "/nowhere/at/all.jsonl")
    assert refused.code == 2
    assert "cannot be written" in refused.err


def test_ls_makes_no_records(shell: Shell) -> None:
    shell.ok("ls")
    shell.ok("pull", EMBED, "--dry-run")
    assert not (Path(shell.env["OSTLER_HOME"]) / "ostler.db").exists()
    shell.ok("pull", EMBED, "--quiet")
    with sqlite3.connect(Path(shell.env["OSTLER_HOME"]) / "ostler.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()
