"""`ostler why`: three kinds of "not found", and every other thing that is in the way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.stories.conftest import CHAT, Inn, Shell, address_said, end

from ostler.errors import StartupTimeout, Unwell
from ostler.nouns import Attempt, Event
from ostler.records.notes import Notes


def last(
    shell: Shell, *words: str, code: int | None = Unwell.exit_code, **env: str
) -> dict[str, Any]:
    done = shell.run("why", *words, "--json", **env)
    assert code in (None, done.code), (done.out, done.err)
    step: dict[str, Any] = done.json()["steps"][-1]
    return step


def test_three_ways_not_to_be_found(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    wrong = last(shell, f"{tmp_path}/modles")
    assert ("nothing at" in wrong["what"], f"{tmp_path}/models" in wrong["fix"]) == (True, True)
    there = last(shell, f"{tmp_path}/models")
    assert "ostler import" in there["fix"]
    absent = last(shell, CHAT)
    assert ("on the hub" in absent["what"], absent["fix"]) == (True, f"ostler pull {CHAT}")
    listed = last(shell, "qwen2.5-0.5b")
    assert ("in the catalogue" in listed["what"], listed["fix"].startswith("ostler pull")) == (
        True, True,
    )  # fmt: skip
    unknown = last(shell, "qwen2.5-0.5bb")
    assert ("Nothing here is called" in unknown["what"], "qwen2.5-0.5b" in unknown["fix"]) == (
        True, True,
    )  # fmt: skip


def test_what_the_hub_says_and_no_hub(shell: Shell) -> None:
    assert last(shell, "org/none")["check"] == "model_not_found"
    assert "no hub may be asked" in last(shell, "org/none", "--offline")["what"]
    lost = last(shell, "org/none", OSTLER_ENDPOINT="http://127.0.0.1:9")
    assert "did not answer" in lost["what"]


def test_what_was_here_once(shell: Shell, tmp_path: Path) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    assert "available: q8_0" in last(shell, f"{CHAT}#q4_k_m")["what"]
    shell.ok("archive", CHAT, "--to", str(tmp_path / "shelf"))
    moved = last(shell, CHAT)
    assert (str(tmp_path / "shelf") in moved["what"], moved["fix"]) == (
        True, f"ostler unarchive {CHAT}",
    )  # fmt: skip
    shell.ok("unarchive", CHAT)
    shell.ok("rm", CHAT, "--yes")
    assert last(shell, CHAT)["fix"] == "ostler undo brings it back"


def test_what_keeps_a_kept_model_from_starting(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    assert last(shell, CHAT, code=0)["check"] == "server"
    assert last(shell, CHAT, "--engine", "vllm")["check"] == "engine_unsupported"
    assert last(shell, CHAT, "--context", "99999999")["check"] in (
        "context_too_long",
        "does_not_fit",
    )
    home = Path(shell.env["OSTLER_HOME"])
    next((home / "blobs").rglob("??" + "?" * 62)).unlink()
    assert last(shell, CHAT)["fix"] == f"ostler verify {CHAT} --repair"


def test_a_failed_download_is_told(shell: Shell) -> None:
    notes = Notes(Path(shell.env["OSTLER_HOME"]))
    notes.downloaded(
        Attempt("org/none", "failed", what="The hub ended it."), Event("pull", "org/none")
    )
    notes.close()
    out = shell.run("why", "org/none").out
    assert "The only try to fetch it failed" in out


def test_what_the_running_server_says(inn: Inn) -> None:
    inn.shell.ok("load", CHAT)
    told = last(inn.shell, CHAT, code=0)
    assert "ready" in told["what"]
    inn.shell.ok("unload", CHAT)
    assert "first request loads it" in last(inn.shell, CHAT, code=0)["what"]


def test_what_failed_says_what_to_do(shell: Shell) -> None:
    """Too slow to start, and killed while it served: each is told with its own way on."""
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    home = Path(shell.env["OSTLER_HOME"])
    wishes = home / "ostler.yaml"
    wishes.write_text(f'models: {{"{CHAT}#q8_0": {{deadline: 0.01s}}}}\n')
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        assert shell.run("load", CHAT).code == StartupTimeout.exit_code
        told = last(shell, CHAT)
        assert told["check"] == StartupTimeout.code
        assert "`deadline` in ostler.yaml" in told["fix"]
        assert "gave no answer" in told["what"]
        assert "within 0.01 s" in told["what"]
        wishes.write_text("models: {}\n")
        shell.ok("sync", "--check")
        deadline = time.monotonic() + 30
        while shell.run("load", CHAT).code:  # the server looks at its wishes once a second
            assert time.monotonic() < deadline
        (pid,) = [one["pid"] for one in shell.ok("ps", "--json").json()["models"]]
        psutil.Process(pid).kill()
        deadline = time.monotonic() + 30
        while (told := last(shell, CHAT, code=None))["state"] != "fail":
            assert time.monotonic() < deadline, told
        assert told["fix"] == f"`ostler load {CHAT}#q8_0` starts it again."
    finally:
        end(server)


@pytest.mark.parametrize("name", ["a/b/c", "--", "org/"])
def test_what_is_no_name(shell: Shell, name: str) -> None:
    assert shell.run("why", "--", name).code in (1, 2)
