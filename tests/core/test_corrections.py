"""What was measured stands in the place of what was computed, where it was of the same thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostler.core.memory import estimate, profile_of
from ostler.nouns import Format, LayerKind, Measurement, ModelFacts, Task, Workload

MODEL = ModelFacts(
    Format.SAFETENSORS, "LlamaForCausalLM", Task.CHAT, 10**9, 2 * 10**9, "BF16",
    context_length=8192, layers=16, hidden=2048, heads=16, kv_heads=8, head_dim=128,
    vocabulary=32000, feed_forward=8192, attention="full", family="llama",
    layer_kinds=(LayerKind("full", 16, 8, 128, 128),),
)  # fmt: skip
LOAD = Workload(context=4096, kv_dtype="auto")
PEAK = Measurement(
    "a/b", "vllm", "0.9.0", "activation", 123_456, family="llama", context=4096, sequences=1,
    kv_dtype="auto", at="2026-11-20", source="log",
)  # fmt: skip


def terms(*measured: Measurement, model: str = "a/b") -> dict[str, int]:
    found = estimate(MODEL, LOAD, "vllm", model=model, measured=measured)
    assert found.required == found.total - (-found.total // 10)
    return {term.name: term.bytes for term in found.terms}


def test_a_measurement_of_the_model_is_used_and_said() -> None:
    found = estimate(MODEL, LOAD, "vllm", model="a/b", measured=(PEAK,))
    peak = next(term for term in found.terms if term.name == "activation peak")
    assert (peak.bytes, peak.because) == (123_456, "measured on a/b with vllm 0.9.0 (log)")
    assert any(
        note.startswith("measured: activation peak is 123,456 bytes") for note in found.notes
    )


def test_the_family_counts_for_what_engines_work_with_but_not_for_weights() -> None:
    weights = replace(PEAK, component="weights", bytes=7)
    assert terms(PEAK, weights, model="c/d")["activation peak"] == 123_456
    assert terms(PEAK, weights, model="c/d")["weights"] == 2 * 10**9
    assert terms(weights)["weights"] == 7


@pytest.mark.parametrize(
    "other",
    [
        replace(PEAK, engine="sglang"),
        replace(PEAK, context=8192),
        replace(PEAK, sequences=2),
        replace(PEAK, kv_dtype="fp8"),
        replace(PEAK, model="c/d", family="qwen2"),
        replace(PEAK, tensor_parallel=2),
    ],
)
def test_what_was_measured_of_something_else_does_not_count(other: Measurement) -> None:
    assert terms(other) == terms()


def test_the_model_itself_comes_before_its_family_and_the_newest_first() -> None:
    kin = replace(PEAK, model="c/d", bytes=1, at="2027-01-01")
    newer = replace(PEAK, bytes=2, at="2026-12-01")
    assert terms(PEAK, kin, newer)["activation peak"] == 2


def test_the_profile_follows_the_version() -> None:
    assert profile_of("vllm", "0.6.3") == "vllm-v0"
    assert [profile_of("vllm", version) for version in ("0.8.0", "1.2", None)] == ["vllm"] * 3
    assert profile_of("llamacpp", "0.1") == "llamacpp"
