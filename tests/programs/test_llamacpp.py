"""The server program of ours: what it reads, and that it never outlives who started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ostler.programs.llamacpp import parse
from ostler.testing import tiny

PARENT = "import subprocess, sys; subprocess.run(sys.argv[1:])"
PATIENCE = 20.0


def argv(port: int, *more: str) -> list[str]:
    return [*tiny.LLAMACPP.argv, tiny.gguf().weights, "--port", str(port), *more]


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *argv(21401, "--threads", "1")], stderr=subprocess.PIPE
    )
    assert parent.stderr is not None
    with parent.stderr as log:
        assert any(b"listening on" in line for line in log)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        # The pipe ends with the last process that writes into it.
        assert select.select([log], [], [], PATIENCE)[0]
        assert log.read() == b""


def test_it_ends_at_once_when_its_parent_is_already_gone() -> None:
    env = os.environ | {"OSTLER_PARENT": "1"}
    assert subprocess.run(argv(21402), env=env, timeout=PATIENCE, check=False).returncode == 1


def test_keys_are_asked_for(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("sk-one\n\nsk-two\n")
    assert parse(["m.gguf", "--port", "1", "--api-key-file", str(keys)]).api_key_file == str(keys)


@pytest.mark.parametrize("words", [[], ["m.gguf"], ["m.gguf", "--port", "x"], ["--port", "1"]])
def test_what_it_cannot_read_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2
