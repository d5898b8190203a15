"""Weights: quantizations by name, GGUF's mixtures, what one of several GPUs holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostler.core.facts import described
from ostler.core.memory import PROFILES, estimate
from ostler.core.memory.limits import changes, quantized, reach
from ostler.core.weights import of_tensors, packed, rank_bytes, scheme
from ostler.errors import ImpossibleSplit, QuantizationNotFound
from ostler.nouns import Format, Tensor, TensorTable, WeightPart, Workload

CONFIGS = Path(__file__).resolve().parents[2] / "src/ostler/data/calibration/configs"
GIB = 2**30
SPLITTERS = ("vllm", "vllm-v0", "sglang", "tensorrt-llm")
MODELS = {
    name: described(json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8")))
    for name in (
        "meta-llama--Llama-3.1-8B-Instruct",
        "Qwen--Qwen3-30B-A3B",
        "deepseek-ai--DeepSeek-V3",
        "google--gemma-3-27b-it",
        "Qwen--Qwen3.5-27B",
        "openai--gpt-oss-20b",
    )
}
LLAMA = MODELS["meta-llama--Llama-3.1-8B-Instruct"]
BY_BITS = ("q2_k", "q3_k_s", "q3_k_m", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k", "q8_0",
           "f16", "f32")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "gguf", "kind"),
    [
        ("bf16", False, "plain"), ("bf16", True, "gguf"), ("Q4_K_M", False, "gguf"),
        ("IQ2_K_R4", True, "gguf"), ("gptq-int8", False, "packed"), ("awq 4-bit", False, "packed"),
        ("unknown_4bit", False, "packed"), ("compressed-tensors 8-bit", False, "packed"),
        ("fp8", False, "packed"), ("w8a8", False, "packed"), ("mxfp4", False, "packed"),
        ("mxfp4", True, "gguf"), ("mlx 4-bit", False, "packed"), ("q3f16_1", False, "packed"),
    ],
)  # fmt: skip
def test_quantizations_by_name(name, gguf, kind):
    found = scheme(name, gguf)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("name", ["iq4", "gguf_unknown", "", "fp9", "int3"])
def test_a_name_that_means_no_one_quantization_is_not_guessed(name):
    assert scheme(name, True) is None


@given(
    st.sampled_from(sorted(set(MODELS) - {"openai--gpt-oss-20b"})),  # its rows fill no large block
    st.integers(0, len(BY_BITS) - 2),
)
def test_more_bits_never_weigh_less(name, at):
    less, more = (scheme(BY_BITS[n], True) for n in (at, at + 1))
    assert less is not None
    assert more is not None
    sizes = [sum(part.bytes for part in packed(MODELS[name], one)) for one in (less, more)]
    assert sizes[0] <= sizes[1]


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(MODELS)), st.sampled_from(SPLITTERS), st.integers(0, 3),
    st.integers(1, 40_000), st.integers(1, 64),
)  # fmt: skip
def test_more_gpus_never_need_more_on_each_for_the_model(name, engine, power, context, sequences):
    """What each further rank costs is the NCCL buffers of vLLM, said as a term of its own."""
    load = {
        n: Workload(context, sequences, "auto", tensor_parallel=2**n) for n in (power, power + 1)
    }
    try:
        few, many = (estimate(MODELS[name], load[n], engine) for n in (power, power + 1))
    except ImpossibleSplit:
        return
    sizes = [sum(t.bytes for t in one.terms if t.name != "non-torch") for one in (few, many)]
    assert sizes[1] <= sizes[0]


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(MODELS)), st.sampled_from(sorted(PROFILES)), st.integers(1, 200_000),
    st.integers(1, 64), st.integers(1, 10_000), st.integers(1, 8),
)  # fmt: skip
def test_more_context_and_more_sequences_never_need_less(name, engine, tokens, many, more, beside):
    def needs(context: int, sequences: int) -> int:
        return estimate(MODELS[name], Workload(context, sequences), engine).required

    assert needs(tokens, many) <= needs(tokens + more, many)
    assert needs(tokens, many) <= needs(tokens, many + beside)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ImpossibleSplit, match="32 attention heads cannot be split over 3"):
        estimate(LLAMA, Workload(kv_dtype="auto", tensor_parallel=3), "vllm")
    with pytest.raises(ImpossibleSplit, match=r"llama\.cpp does not split layers"):
        estimate(LLAMA, Workload(tensor_parallel=2), "llamacpp")


def test_kv_heads_are_copied_where_there_are_fewer_than_gpus():
    part = WeightPart("keys and values", 800, "heads")
    assert [rank_bytes(part, ranks, 4) for ranks in (1, 2, 4, 8)] == [800, 400, 200, 200]
    assert rank_bytes(WeightPart("norms", 800, "none"), 8, 4) == 800


def test_tensors_count_once_and_those_that_are_not_loaded_do_not():
    names = ("model.embed_tokens.weight", "lm_head.weight", "model.layers.0.mlp.gate_proj.weight",
             "model.layers.4.mlp.gate_proj.weight", "model.embed_tokens.weight",
             "visual.blocks.0.attn.qkv.weight", "model.layers.0.self_attn.k_proj.weight",
             "model.layers.0.mlp.experts.7.up_proj.weight",
             "model.layers.0.input_layernorm.weight")  # fmt: skip
    table = TensorTable(Format.SAFETENSORS, tuple(Tensor(name, "BF16", (1,), 2) for name in names))
    found = {part.role: (part.bytes, part.split) for part in of_tensors([table], layers=4)}
    assert found == {
        "embedding": (2, "all"), "output": (2, "all"), "feed forward": (2, "all"),
        "draft": (2, "all"), "vision": (2, "all"), "keys and values": (2, "heads"),
        "experts": (2, "all"), "norms": (2, "none"),
    }  # fmt: skip


def test_the_reach_of_a_gpu_is_exact():
    def ask(facts, load):
        return estimate(facts, load, "llamacpp")

    small = quantized(LLAMA, "int4")
    load = Workload(context=8192)
    found = reach(small, load, ask, 12 * GIB)
    assert found.context is not None
    assert ask(small, Workload(found.context)).required <= 12 * GIB
    assert ask(small, Workload(found.context + 256)).required > 12 * GIB
    assert ask(small, Workload(8192, found.sequences)).required <= 12 * GIB
    assert ask(small, Workload(8192, found.sequences + 1)).required > 12 * GIB
    assert reach(LLAMA, load, ask, GIB).context is None


def test_the_cheapest_change_comes_first_and_each_one_fits():
    def ask(facts, load):
        return estimate(facts, load, "vllm")

    load = Workload(context=65536, sequences=4, kv_dtype="auto")
    found = changes(LLAMA, load, ask, 45 * GIB)
    assert found[0].what == "--kv-dtype fp8"
    kinds = {one.what.split()[0] for one in found}
    assert {"--kv-dtype", "--sequences", "--context", "weights", "--tp"} <= kinds
    assert all(one.required <= 45 * GIB for one in found)


def test_a_quantization_that_is_not_known_is_refused():
    with pytest.raises(QuantizationNotFound, match="'fp9'"):
        quantized(LLAMA, "fp9")
