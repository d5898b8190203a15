"""Stories go through the real command line, real processes and real engines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "src/ostler/testing/models"
CHAT, EMBED, RERANK = "ostler/tiny-llama-GGUF", "ostler/tiny-embed-GGUF", "ostler/tiny-rerank-GGUF"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """A user at a terminal-less shell, with a home of their own."""

    env: dict[str, str]

    def run(self, *words: str, stdin: str = "", **env: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "ostler", *words],
            env=self.env | env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, **env: str) -> Done:
        done = self.run(*words, **env)
        assert done.code == 0, (words, done.out, done.err)
        return done

    def background(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ostler", *words],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def address_said(server: subprocess.Popen[str]) -> str:
    """The address in a server's first line."""
    assert server.stdout
    line = server.stdout.readline()
    found = [word for word in line.split() if word.startswith("http://")]
    assert found, (
        line,
        server.stderr.read() if server.poll() is not None and server.stderr else "",
    )
    return found[0].removesuffix("/v1")


def end(server: subprocess.Popen[str], with_signal: int = signal.SIGINT) -> int:
    """End a server of ours as Ctrl-C does, and wait for it."""
    if server.poll() is None:
        server.send_signal(with_signal)
    server.communicate(timeout=60)
    return server.returncode


@pytest.fixture(scope="session")
def shipped_hub() -> Iterator[str]:
    """The shipped hub on the shipped models, as a process of its own."""
    shell = Shell({**os.environ})
    server = shell.background("hub", "serve", str(SHIPPED), "--port", "0")
    try:
        yield address_said(server)
    finally:
        end(server)


@pytest.fixture
def shell(tmp_path: Path, shipped_hub: str) -> Shell:
    """A user whose home is empty and whose hub is ours."""
    return Shell(environment(tmp_path / "home", shipped_hub))


def environment(home: Path, hub: str) -> dict[str, str]:
    others = ("OSTLER_", "HF_", "COLUMNS", "LINES")  # the last two: how wide the runner's own is
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    return {
        **kept,
        "OSTLER_HOME": str(home),
        "OSTLER_ENGINES": os.environ.get("OSTLER_ENGINES", str(ROOT / ".engines")),
        "OSTLER_THREADS": "1",  # more spin against each other on a shared machine
        "HF_ENDPOINT": hub,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_COLOR": "1",
    }


@dataclass(frozen=True, slots=True)
class Inn:
    """A running server with the three tiny models kept."""

    address: str
    shell: Shell
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def inn(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Iterator[Inn]:
    """A server with the three tiny models, one for each file: none finds what another left."""
    shell = Shell(environment(tmp_path_factory.mktemp("inn"), shipped_hub))
    for model in (f"{CHAT}#q8_0", EMBED, RERANK):
        shell.ok("pull", model, "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        yield Inn(address_said(server), shell, server)
    finally:
        assert end(server) == 0
