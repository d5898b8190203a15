"""The real converter and the real llama-quantize: what they make answers, and ours is the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, SHIPPED, Shell, environment, shipped_hub

from ostler.core import quantizing
from ostler.errors import EngineFailed
from ostler.programs import quantize
from ostler.verbs.making import for_kernels

__all__ = ["shipped_hub"]
pytestmark = pytest.mark.heavy
SAFETENSORS, EMBED = "ostler/tiny-llama", "ostler/tiny-embed"
F32 = SHIPPED / CHAT / "tiny-llama-F32.gguf"
TYPES = ("q8_0", "q6_k", "q5_k_m", "q5_0", "q4_k_m", "q4_k_s", "q4_0", "iq4_xs", "iq4_nl", "q3_k_m")


@pytest.fixture
def shell(llama_server: Path, tmp_path: Path, shipped_hub: str) -> Shell:
    """A user who has llama.cpp's programs on PATH."""
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{llama_server.parent}:{shell.env['PATH']}"
    return shell


def test_safetensors_become_a_smaller_gguf_that_answers(shell: Shell) -> None:
    shell.ok("pull", SAFETENSORS, "--quiet")
    made = shell.ok("quantize", SAFETENSORS, "--to", "q4_k_m", "--name", "local/mine", "--yes")
    assert "after convert_hf_to_gguf.py" in " ".join(made.out.split())
    assert "it says 'hello'" in made.out
    said = shell.ok("info", "local/mine", "--json").json()
    assert (said["facts"]["quantization"], said["facts"]["layers"]) == ("q4_k_m", 2)
    assert said["origin"]["made_by"].startswith("convert_hf_to_gguf.py, then llamacpp xllamacpp ")
    assert said["origin"]["derived_from"].startswith(f"hf:{SAFETENSORS}@")
    done = shell.ok("run", "local/mine", "Say hello", "--temperature", "0", "--quiet")
    assert done.out.strip() == "hello"


def test_what_the_converter_does_not_know_is_told_with_a_way_on(shell: Shell) -> None:
    """This embedding model's tokenizer has no table that llama.cpp's converter wants."""
    shell.ok("pull", EMBED, "--quiet")
    refused = shell.run("quantize", EMBED, "--to", "q8_0", "--yes")
    assert refused.code == EngineFailed.exit_code
    assert "precompiled_charsmap" in refused.err
    assert "ostler search tiny-embed gguf" in refused.err
    assert len(shell.ok("ls", "--json").json()) == 1


def test_the_real_tool_does_it_too(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#f32", "--quiet")
    words = ("--to", "q5_k_m", "--tool", "llama-quantize", "--json")
    *progress, kept = map(json.loads, shell.ok("quantize", f"{CHAT}#f32", *words).out.splitlines())
    assert kept["made_by"].startswith("llama-quantize")
    assert "it says 'hello'" in kept["tried"]
    assert {one["unit"] for one in progress} >= {"tensors"}


@pytest.mark.parametrize("kind", TYPES)
def test_our_kernels_write_the_same_bytes(kind: str, llama_server: Path, tmp_path: Path) -> None:
    """Every tensor; the header of llama-quantize names its own file."""
    theirs, ours = tmp_path / "theirs.gguf", tmp_path / "ours.gguf"
    tool = llama_server.with_name("llama-quantize")
    subprocess.run([tool, F32, theirs, kind.upper(), "1"], capture_output=True, check=True)
    job = tmp_path / "job.json"
    job.write_text(json.dumps(for_kernels(quantizing.method(kind), [F32], ours, 1)))
    quantize.main([str(job)])
    assert tensors(ours) == tensors(theirs)


def tensors(path: Path) -> dict[str, tuple[int, bytes]]:
    """Each tensor's type and bytes, as llama.cpp reads them."""
    library = quantize.load()
    with quantize.Sources(library, [str(path)]) as sources:
        return {
            one.name: (one.kind, bytes(sources.maps[0][one.offset : one.offset + one.size]))
            for one in sources.tensors()
        }
