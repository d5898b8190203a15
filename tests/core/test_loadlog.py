"""What engines said in recorded logs is read as they meant it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostler.core.loadlog import GIB, MIB, Part, read

LOGS = Path(__file__).with_name("logs")


def said(engine: str, name: str) -> tuple[dict[tuple[str, str], float], int | None]:
    """The parts of a log in GiB (vLLM) or MiB (llama.cpp)."""
    found = read(engine, (LOGS / f"{name}.log").read_text().splitlines())
    unit = GIB if engine == "vllm" else MIB
    return {(p.component, p.device): round(p.bytes / unit, 2) for p in found.parts}, found.kv_tokens


def test_llamacpp_as_it_comes_along() -> None:
    parts, tokens = said("llamacpp", "llamacpp-xllamacpp-2026.10.11549")
    assert parts == {
        ("weights", "CPU"): 0.72,
        ("output_buffer", "CPU"): 0.01,
        ("kv", "CPU"): 0.5,
        ("compute_buffer", "CPU"): 2.77,
    }
    assert tokens is None


def test_llamacpp_on_two_gpus_in_older_words() -> None:
    parts, _ = said("llamacpp", "llamacpp-two-gpus")
    assert parts == {
        ("weights", "CPU"): 1640.62,
        ("weights", "CUDA0"): 5434.38,
        ("weights", "CUDA1"): 13989.53,
        ("kv", "CUDA0"): 1536.0,
        ("kv", "CUDA1"): 3584.0,
        ("output_buffer", "CPU"): 1.95,
        ("compute_buffer", "CUDA0"): 672.01,
    }


def test_buffers_of_one_part_and_device_add_up() -> None:
    lines = [
        "llama_kv_cache:      CUDA0 KV buffer size =   128.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =    64.00 MiB",
        "llama_memory_recurrent: CUDA0 RS buffer size =     8.00 MiB",
        "load_tensors:   CPU_Mapped model buffer size =     1.00 MiB",
        "load_tensors:          CPU model buffer size =     2.00 MiB",
        "llama_context:  CUDA_Host compute buffer size =     0.00 MiB",
    ]
    assert read("llamacpp", lines).parts == (
        Part("kv", 200 * MIB, "CUDA0"),
        Part("weights", 3 * MIB, "CPU"),
    )


def test_vllm_of_the_first_generation() -> None:
    parts, tokens = said("vllm", "vllm-v0")
    assert parts == {
        ("weights", ""): 21.21,
        ("non_torch", ""): 0.2,
        ("activation", ""): 0.37,
        ("kv", ""): 1.57,
    }
    assert tokens == 6001 * 16
    parts, tokens = said("vllm", "vllm-v0-results")
    assert parts == {
        ("weights", ""): 14.96,
        ("non_torch", ""): 1.79,
        ("activation", ""): 1.26,
        ("kv", ""): 53.29,
    }
    assert tokens is None


def test_vllm_of_the_second_generation() -> None:
    parts, tokens = said("vllm", "vllm-v1")
    assert parts == {("weights", ""): 14.99, ("kv", ""): 8.11, ("graphs", ""): 0.11}
    assert tokens == 158_656


def test_sglang() -> None:
    """The lines that 0.5.23 wrote; the tiny model's sizes put up."""
    lines = (
        "[2026-11-21 18:56:41] Load weight end. elapsed=0.04 s, type=LlamaForCausalLM, "
        "avail mem=20.26 GB, mem usage=14.99 GB.",
        "[2026-11-21 18:56:43] KV Cache is allocated. dtype: torch.bfloat16, #tokens: 8192, "
        "K size: 0.50 GB, V size: 0.75 GB",
    )
    found = read("sglang", lines)
    assert found.parts == (Part("weights", round(14.99 * GIB)), Part("kv", round(1.25 * GIB)))
    assert found.kv_tokens == 8192
    latent = lines[1].replace("K size: 0.50 GB, V size: 0.75 GB", "KV size: 2.00 GB")
    assert read("sglang", [latent]).parts == (Part("kv", 2 * GIB),)


@pytest.mark.parametrize("engine", ["llamacpp", "sglang", "vllm", "unheard-of"])
def test_lines_that_say_nothing(engine: str) -> None:
    assert read(engine, ["", "loading", "buffer size", "# GPU blocks:"]).parts == ()
