"""Each engine that can run here answers the same question through the same command."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Shell

SAFETENSORS = "ostler/tiny-llama"


def installed(shell: Shell, engine: str) -> None:
    """`make test` installs it first; by hand: OSTLER_ENGINES=.engines ostler engine install ..."""
    if not Path(shell.env["OSTLER_ENGINES"], engine, ".ostler-ready").exists():
        pytest.skip(f"`ostler engine install {engine}` has not been run")


@pytest.mark.parametrize(
    ("engine", "model"),
    [
        ("llamacpp", f"{CHAT}#q8_0"),
        ("llamacpp", f"{CHAT}#f32"),
        pytest.param("transformers", SAFETENSORS, marks=pytest.mark.transformers),
        pytest.param("mlx", SAFETENSORS, marks=pytest.mark.mlx),
    ],
)
def test_it_says_hello(shell: Shell, engine: str, model: str) -> None:
    if engine != "llamacpp":
        installed(shell, engine)
    shell.ok("pull", model, "--quiet")
    done = shell.ok("run", model, "Say hello", "--temperature", "0", "--engine", engine)
    assert done.out.strip() == "hello"
    assert f"Engine: {engine}, because you named it" in done.err
    assert not list(Path(shell.env["OSTLER_HOME"], "run").glob(f"{engine}-*/*/*.lock"))


@pytest.mark.transformers
def test_safetensors_on_a_processor_go_to_transformers(shell: Shell) -> None:
    installed(shell, "transformers")
    shell.ok("pull", SAFETENSORS, "--quiet")
    choice = shell.ok("engine", SAFETENSORS, "--json").json()
    assert choice["engine"] == "transformers"
    said = {verdict["engine"]: verdict["because"] for verdict in choice["verdicts"]}
    assert "GGUF files only" in said["llamacpp"]
    assert "embedding" in said["infinity"]


def test_the_engines_are_listed_with_how_to_get_them(shell: Shell) -> None:
    shown = shell.ok("engine", "ls").out
    assert "llamacpp" in shown
    for name in ("vllm", "sglang"):
        row = next(line for line in shown.splitlines() if line.startswith(name))
        assert "ostler engine install" not in row, "Ostler has no pins for it"
