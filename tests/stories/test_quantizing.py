"""A kept model made smaller, for real: planned, made, held against the original, tried, kept."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Shell, environment

from ostler.errors import (
    Cancelled,
    CorruptFile,
    EngineFailed,
    EngineUnsupported,
    InsufficientDisk,
    UnknownJob,
    UsageError,
)

F32 = f"{CHAT}#f32"
SOON = 20.0  # seconds


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Path:
    """A home with the tiny chat model in full precision."""
    home = tmp_path_factory.mktemp("kept") / "home"
    Shell(environment(home, shipped_hub)).ok("pull", F32, "--quiet")
    return home


@pytest.fixture
def home(shell: Shell, kept: Path) -> Path:
    """The home of a user who keeps that model."""
    home = Path(shell.env["OSTLER_HOME"])
    shutil.copytree(kept, home, symlinks=True)
    return home


Tool = Callable[[str], None]


@pytest.fixture
def tool(shell: Shell, tmp_path: Path) -> Tool:
    """Put a `llama-quantize` with this shell text on the user's PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shell.env["PATH"] = f"{folder}:{shell.env['PATH']}"

    def put(script: str) -> None:
        program = folder / "llama-quantize"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return put


def nothing_left(home: Path) -> bool:
    """No folder of a job, and no file that no model names."""
    return not [path for path in (home / "jobs").glob("*") if path.is_dir()]


def until(so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_plan_changes_nothing_and_says_what_it_would_cost(shell: Shell, home: Path) -> None:
    plan = shell.ok("quantize", F32, "--to", "q4_k_m", "--dry-run", "--json").json()
    assert plan["name"] == "local/tiny-llama-Q4_K_M"
    assert plan["exact"]
    assert plan["bytes_after"] < plan["bytes_before"] / 4
    assert "0.1754" in plan["method"]["loss"]
    assert plan["licence"] == "apache-2.0"
    assert len(shell.ok("ls", "--json").json()) == 1
    assert nothing_left(home)


def test_what_there_is_is_listed_with_its_loss_and_its_source(shell: Shell, home: Path) -> None:
    shown = shell.ok("quantize", F32).out
    row = next(line for line in shown.splitlines() if line.startswith("q4_k_m"))
    assert "perplexity +0.1754" in row
    assert "Llama-3-8B" in row
    assert "615 kB" in row
    assert "MiB" in row
    assert "estimates" in shown
    outcomes = shell.ok("quantize", F32, "--json").json()["methods"]
    sizes = {one["method"]["name"]: one["size"] for one in outcomes}
    assert sizes["q8_0"] > sizes["q5_0"] > sizes["q4_0"] > 0
    assert all(one["memory"] > one["size"] for one in outcomes)
    for method in ("awq", "gptq", "int8", "q8_0"):
        assert any(line.startswith(method) for line in shown.splitlines())


@pytest.mark.parametrize("method", ["q4_k_m", "iq4_xs"])
def test_the_result_is_a_model_of_its_own(shell: Shell, home: Path, method: str) -> None:
    plan = shell.ok("quantize", F32, "--to", method, "--dry-run", "--json").json()
    done = shell.ok("quantize", F32, "--to", method, "--json")
    *progress, kept = [json.loads(line) for line in done.out.splitlines()]
    assert {one["stage"] for one in progress} >= {"quantizing", "checking", "keeping"}
    assert kept["bytes"] == plan["bytes_after"]
    assert "it says 'hello'" in kept["tried"]
    name = f"local/tiny-llama-{method.upper()}"
    said = shell.ok("info", name, "--json").json()
    assert said["facts"]["quantization"] == method
    assert said["facts"]["layers"] == 2
    origin = said["origin"]
    assert origin["licence"] == "apache-2.0"
    assert origin["derived_from"].startswith("hf:ostler/tiny-llama-GGUF@")
    assert origin["derived_from"].endswith("#f32")
    assert method in origin["made_by"]
    assert "xllamacpp" in origin["made_by"]
    answer = shell.ok("run", name, "Say hello", "--temperature", "0", "--quiet")
    assert answer.out.strip() == "hello"
    assert nothing_left(home)
    shell.ok("verify", name)


def test_what_a_licence_asks_is_asked_of_the_result_too(shell: Shell, home: Path) -> None:
    """The result names its base, so that a policy finds the base's licence."""
    shell.ok("quantize", F32, "--to", "q5_0", "--name", "me/mine")
    origin = shell.ok("info", "me/mine", "--json").json()["origin"]
    assert f"base_model:quantized:{CHAT}" in origin["tags"]
    assert "q5_0" in shell.ok("history").out


def test_no_hub_is_asked_what_became_of_what_was_made_here(shell: Shell, home: Path) -> None:
    shell.ok("quantize", F32, "--to", "q4_0", "--name", "local/mine")
    (asked,) = shell.ok("outdated", "--json").json()
    assert (asked["name"], asked["outdated"]) == (CHAT, False)
    said = shell.ok("outdated").out
    assert "local/mine: made here from" in said
    assert "All 1 are as they are upstream." in said
    assert "upstream." not in shell.ok("outdated", "local/mine").out.replace("is upstream.", "")


def test_a_ready_made_one_is_named_first(shell: Shell, home: Path) -> None:
    refused = shell.run("quantize", F32, "--to", "q8_0")
    assert refused.code == UsageError.exit_code
    assert f"ostler pull {CHAT}#q8_0" in refused.out
    assert "799 kB" in refused.out
    assert "--yes" in refused.err
    assert nothing_left(home)
    assert "Kept local/tiny-llama-Q8_0" in shell.ok("quantize", F32, "--to", "q8_0", "--yes").out


def test_without_a_hub_it_works_and_says_that_it_did_not_ask(shell: Shell, home: Path) -> None:
    done = shell.ok("quantize", F32, "--to", "q6_k", "--offline")
    assert "unknown: the hub was not asked" in done.out
    assert "Kept local/tiny-llama-Q6_K" in done.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--to", "banana"), UsageError.exit_code, "no method called 'banana'"),
        (("--to", "iq1_s"), UsageError.exit_code, "importance matrix"),
        (("--to", "awq"), UsageError.exit_code, "is made from safetensors"),
        (("--to", "q4_0", "--name", "../../x"), UsageError.exit_code, "x"),
        (("--to", "q4_0", "--tool", "nobody"), EngineUnsupported.exit_code, "not installed"),
    ],
)
def test_what_cannot_be_is_refused(
    shell: Shell, home: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    refused = shell.run("quantize", F32, *words)
    assert refused.code == code
    assert says in refused.err
    assert len(refused.err.strip().splitlines()) >= 2, "an error and a next step"
    assert nothing_left(home)


def test_packed_weights_are_not_packed_again(shell: Shell, home: Path) -> None:
    shell.ok("quantize", F32, "--to", "q5_1")
    refused = shell.run("quantize", "local/tiny-llama-Q5_1", "--to", "q4_0")
    assert refused.code == UsageError.exit_code
    assert "made smaller already" in refused.err


def test_too_little_disk_is_refused_with_the_numbers(shell: Shell, home: Path) -> None:
    refused = shell.run("quantize", F32, "--to", "q4_0", OSTLER_RESERVE="900TB")
    assert refused.code == InsufficientDisk.exit_code
    assert "549 kB are to be written" in refused.err
    assert "900 TB stay free" in refused.err


def test_the_users_own_tool_may_do_it(shell: Shell, home: Path, tool: Tool) -> None:
    """A stand-in that writes the shipped Q8_0 file, as the real one would."""
    shipped = Path(__file__).resolve().parents[2] / "src/ostler/testing/models" / CHAT
    tool(f'echo "[   1/  20] token_embd.weight"; cp {shipped}/tiny-llama-Q8_0.gguf "$2"')
    words = ("--to", "q8_0", "--tool", "llama-quantize", "--yes")
    done = shell.ok("quantize", F32, *words, "--json")
    *progress, kept = [json.loads(line) for line in done.out.splitlines()]
    assert kept["made_by"].startswith("llama-quantize")
    assert {"done": 1, "total": 20, "unit": "tensors"}.items() <= progress[1].items()


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        ('echo "ggml: out of luck"; exit 3', EngineFailed.exit_code, "exit code 3: ggml: out of"),
        ('echo "not a model" > "$2"', CorruptFile.exit_code, "not what its format says"),
        ('cp "$1" "$2"', CorruptFile.exit_code, "left the weights as they were"),
        ('head -c 100000 "$1" > "$2"', CorruptFile.exit_code, "lacks"),
        ("exit 0", CorruptFile.exit_code, "wrote 0 models"),
    ],
)
def test_a_tool_that_fails_or_lies_leaves_nothing(
    shell: Shell, home: Path, tool: Tool, script: str, code: int, says: str
) -> None:
    tool(script)
    refused = shell.run("quantize", F32, "--to", "q4_0", "--tool", "llama-quantize")
    assert refused.code == code
    assert says in refused.err
    assert len(shell.ok("ls", "--json").json()) == 1
    assert nothing_left(home)


@pytest.fixture
def slow(tool: Tool, tmp_path: Path) -> Iterator[Path]:
    """A tool that writes down its process, says one step and then takes very long."""
    pid = tmp_path / "pid"
    tool(f'echo $$ > {pid}.new; mv {pid}.new {pid}; echo "[   3/  20] x"; exec sleep 600')
    yield pid
    if pid.exists():
        assert not alive(int(pid.read_text())), "the tool outlived the test"


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second: it ended after it was opened
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


WORDS = ("quantize", F32, "--to", "q4_0", "--tool", "llama-quantize")


def test_a_job_is_seen_and_ended_from_another_terminal(
    shell: Shell, home: Path, slow: Path
) -> None:
    working = shell.background(*WORDS)
    until(slow.exists, "the tool never began")
    until(lambda: shell.ok("jobs", "--json").json()[0]["done"] == 3, "its step is not told")
    [job] = shell.ok("jobs", "--json").json()
    assert (job["model"], job["result"], job["running"]) == (F32, "local/tiny-llama-Q4_0", True)
    assert job["id"] in shell.ok("jobs").out
    again = shell.run(*WORDS)
    assert "Another Ostler process is at work here" in again.err
    assert "ended" in shell.ok("jobs", "cancel", job["id"]).out
    _, err = working.communicate(timeout=SOON)
    assert working.returncode == Cancelled.exit_code
    assert "nothing of it was kept" in err
    assert nothing_left(home)
    assert shell.ok("jobs", "--json").json() == []


def test_killed_half_way_it_leaves_nothing_that_counts(
    shell: Shell, home: Path, slow: Path
) -> None:
    working = shell.background(*WORDS)
    until(slow.exists, "the tool never began")
    working.send_signal(signal.SIGKILL)
    working.communicate()
    until(lambda: not alive(int(slow.read_text())), "the tool outlived us")
    [job] = shell.ok("jobs", "--json").json()
    assert not job["running"]
    assert "killed" in shell.ok("jobs").out
    assert len(shell.ok("ls", "--json").json()) == 1
    done = shell.ok("quantize", F32, "--to", "q5_0")
    assert "was killed half-way; what it left is removed" in done.err
    assert nothing_left(home)


def test_ctrl_c_ends_the_tool_too(shell: Shell, home: Path, slow: Path) -> None:
    working = shell.background(*WORDS)
    until(slow.exists, "the tool never began")
    working.send_signal(signal.SIGINT)
    working.communicate(timeout=SOON)
    assert working.returncode == 130
    assert nothing_left(home)


def test_a_job_that_is_not_there(shell: Shell, home: Path) -> None:
    refused = shell.run("jobs", "cancel", "00000000")
    assert refused.code == UnknownJob.exit_code
    assert "`ostler jobs` lists them" in refused.err
