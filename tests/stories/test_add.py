"""`ostler add`: all four stages or none, through failures and kills; `ostler rm` goes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Inn, Shell

SAFE = "ostler/tiny-llama"
WISHES = "# mine\r\nmodels:\r\n  other/one: {download: true}   # stays\r\npreload: []"
COMPOSE = """\
# The stack of the house
x-log: &log
  logging: {driver: json-file}   # rotated

networks:
  llm_net: {}
services:
  n8n:
    <<: *log
    image: "n8nio/n8n:1.60.0"\t# pinned
    networks: [llm_net]

# the end"""
INTO = ("--gpu", "0", "--max-model-len", "1024", "--network", "llm_net", "--service", "new_model_0")


@pytest.fixture
def compose(tmp_path: Path) -> Path:
    path = tmp_path / "docker-compose.yml"
    path.write_bytes(COMPOSE.encode())
    return path


@pytest.fixture
def wishes(shell: Shell) -> Path:
    path = Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    path.parent.mkdir(mode=0o700)
    path.write_bytes(WISHES.encode())
    return path


def steps(out: str) -> list[str]:
    names = ("download", "configuration", "compose", "process", "test", "undo")
    return [line.partition(":")[0] for line in out.splitlines() if line.startswith(names)]


def test_a_model_is_added_as_a_process_and_leaves_again(shell: Shell, wishes: Path) -> None:
    model = f"{CHAT}#q8_0"
    shown = shell.ok("add", model, "--max-model-len", "512", "--dry-run").out
    assert [line[:2] for line in shown.splitlines()[:4]] == ["1.", "2.", "3.", "4."]
    assert wishes.read_bytes() == WISHES.encode()
    assert shell.ok("ls", "--json").json() == []

    done = shell.ok("add", model, "--max-model-len", "512", "--max-concurrent", "3")
    assert steps(done.out) == ["download", "configuration", "process", "test"]
    assert "answered a real request" in done.out
    assert (
        f"  {model}:\r\n    context: 512\r\n    max_concurrent: 3".encode() in wishes.read_bytes()
    )
    shell.ok("rm", model, "--yes")
    assert wishes.read_bytes() == WISHES.encode()


def test_a_service_is_added_in_sync_and_taken_out_to_the_byte(
    shell: Shell, wishes: Path, compose: Path
) -> None:
    done = shell.ok("add", SAFE, *INTO, "--into", str(compose))
    assert steps(done.out) == ["download", "configuration", "compose", "test"]
    text = compose.read_text()
    at = (
        text.index("\n\n  new_model_0:") if "\n\n  new_model_0:" in text else text.index("\n  new_")
    )
    assert text.startswith(COMPOSE[:at])
    assert text.endswith("\n\n# the end")
    assert shell.ok("sync", "--check", "-f", str(compose)).out.startswith("In sync")
    again = shell.ok("add", SAFE, *INTO, "--into", str(compose))
    assert steps(again.out) == steps(done.out)
    assert compose.read_text() == text

    kept = shell.ok("rm", SAFE, "--keep", "--yes")
    assert "its weights stay" in kept.out
    assert compose.read_bytes() == COMPOSE.encode()
    assert wishes.read_bytes() == WISHES.encode()
    assert [one["name"] for one in shell.ok("ls", "--json").json()] == [SAFE]


def test_a_failure_at_the_third_step_takes_the_second_back(
    shell: Shell, wishes: Path, compose: Path
) -> None:
    words = ("add", SAFE, "--max-model-len", "1024", "--into", str(compose), "--service", "n8n")
    done = shell.run(*words)
    assert done.code == 2
    assert "did not write" in done.err
    assert steps(done.out) == ["download", "configuration", "undo compose", "undo configuration"]
    assert compose.read_bytes() == COMPOSE.encode()
    assert wishes.read_bytes() == WISHES.encode()
    assert not list(wishes.parent.glob("adding/*.json"))
    assert shell.ok("sync", "--check").code == 0


def test_a_failing_test_takes_everything_back(shell: Shell, wishes: Path) -> None:
    done = shell.run("add", f"{CHAT}#q8_0", "--max-model-len", "512", "--engine", "vllm")
    assert done.code == 17
    assert "undo configuration" in done.out
    assert wishes.read_bytes() == WISHES.encode()


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_done(shell: Shell) -> None:
    done = shell.run("add", SAFE, "--gpu", "17")
    assert done.code == 2
    assert "no GPU 17" in done.err
    assert shell.ok("ls", "--json").json() == []


def test_after_a_kill_the_same_command_goes_on(shell: Shell, wishes: Path, compose: Path) -> None:
    """Killed once in each stage: when its first note, and when its file, is written."""
    words = ("add", SAFE, *INTO, "--into", str(compose))
    notes = wishes.parent / "adding"
    for number, seen in enumerate(["configuration", "compose", "test"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "ostler", *words], env=shell.env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if any(f'"{seen}"' in path.read_text() for path in notes.glob("*.json")):
                break
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            found = shell.run("sync", "--check", "--json")
            assert found.code == 1, number
            assert "add_unfinished" in {one["kind"] for one in found.json()["differences"]}
    assert steps(shell.ok(*words).out)[-1] == "test"
    assert shell.ok("sync", "--check", "-f", str(compose)).code == 0
    shell.ok("rm", SAFE, "--keep", "--yes")
    assert compose.read_bytes() == COMPOSE.encode()
    assert wishes.read_bytes() == WISHES.encode()


def test_what_a_killed_one_had_done_is_taken_back_too(
    shell: Shell, wishes: Path, compose: Path
) -> None:
    words = ("add", SAFE, *INTO, "--into", str(compose))
    notes = wishes.parent / "adding"
    process = subprocess.Popen(
        [sys.executable, "-m", "ostler", *words], env=shell.env, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if any('"compose"' in path.read_text() for path in notes.glob("*.json")):
            process.kill()
            break
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    assert b"context: 1024" in wishes.read_bytes()
    broken = compose.read_bytes() + b"\nbroken: ["
    compose.write_bytes(broken)
    failed = shell.run(*words)
    assert failed.code == 45
    assert wishes.read_bytes() != WISHES.encode()  # the file could not be mended, so nothing was
    compose.write_bytes(broken.removesuffix(b"\nbroken: ["))
    assert shell.run(*words, "--image", "acme/none:latest").code == 2
    assert compose.read_bytes() == COMPOSE.encode()
    assert wishes.read_bytes() == WISHES.encode()
    assert not list(notes.glob("*.json"))


def test_with_a_server_it_is_loaded_and_asked_and_not_removed_while_it_serves(inn: Inn) -> None:
    model = f"{CHAT}#q8_0"
    done = inn.shell.ok("add", model, "--max-concurrent", "64")
    assert "is ready on" in done.out
    assert "answered with" in done.out
    refused = inn.shell.run("rm", model, "--keep", "--yes")
    assert refused.code == 32
    assert inn.shell.ok("rm", model, "--keep", "--force", "--yes").out.endswith("weights stay.\n")
    states = {one["id"]: one["state"] for one in inn.shell.ok("ps", "--json").json()["models"]}
    assert states.get(model, "stopped") != "ready"
