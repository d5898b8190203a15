"""The server program of ours: what it reads, and that it never outlives who started it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ostler.programs.llamacpp import KV_TYPES, load_openmp, params, parse
from ostler.testing import tiny

load_openmp()  # as the program itself does before this import
import xllamacpp  # noqa: E402

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
        last = b"?"
        while last and select.select([log], [], [], PATIENCE)[0]:
            last = os.read(log.fileno(), 65536)
        assert last == b""


def test_it_ends_at_once_when_its_parent_is_already_gone() -> None:
    env = os.environ | {"OSTLER_PARENT": "1"}
    assert subprocess.run(argv(21402), env=env, timeout=PATIENCE, check=False).returncode == 1


def read(*words: str) -> Any:
    """llama.cpp's parameters for a command line."""
    return params(xllamacpp, parse(["m.gguf", "--port", "1", *words]))


def test_the_keys_come_from_a_file(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("sk-one\n\nsk-two\n")
    assert read("--api-key-file", str(keys)).api_keys == ["sk-one", "sk-two"]
    assert read().api_keys == []


@pytest.mark.parametrize("task", ["embed", "rerank"])
def test_an_encoder_gets_a_whole_text_in_one_batch(task: str) -> None:
    p = read("--task", task, "--context", "4096", "--parallel", "2")
    assert p.embedding
    assert (p.n_batch, p.n_ubatch, p.n_ctx) == (4096, 4096, 8192)
    assert read("--task", task, "--context", "128").n_ubatch == 512


def test_a_chat_model_keeps_llama_cpps_own_batch() -> None:
    p = read("--context", "4096")
    assert not p.embedding
    assert p.n_ubatch == xllamacpp.CommonParams().n_ubatch


@pytest.mark.parametrize("name", KV_TYPES)
def test_every_kv_type_is_one_of_llama_cpps(name: str) -> None:
    p = read("--kv-dtype", name)
    assert (
        p.cache_type_k
        == p.cache_type_v
        == getattr(xllamacpp.ggml_type, f"GGML_TYPE_{name.upper()}")
    )


@pytest.mark.parametrize("words", [[], ["m.gguf"], ["m.gguf", "--port", "x"], ["--port", "1"]])
def test_what_it_cannot_read_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2


def test_it_says_what_it_loads_and_little_of_each_request(tmp_path: Path) -> None:
    """Buffer sizes are read from this log after a start."""
    import http.client

    log = tmp_path / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(argv(21403, "--threads", "1"), stdout=file, stderr=file)
    try:
        end_at = time.monotonic() + PATIENCE
        while "listening on" not in log.read_text() and time.monotonic() < end_at:
            time.sleep(0.01)
        assert "compute buffer size" in log.read_text()
        loaded = log.stat().st_size
        asked = http.client.HTTPConnection("127.0.0.1", 21403, timeout=PATIENCE)
        asked.request("POST", "/v1/completions", b'{"prompt": "The cat", "max_tokens": 2}')
        assert asked.getresponse().read()
        asked.close()
    finally:
        server.terminate()
        server.wait(PATIENCE)
    said = log.read_bytes()[loaded:]
    assert b"sampler params" not in said
    assert b"The cat" not in said
