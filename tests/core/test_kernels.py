"""A GPU that cannot compute with a model's weights is no offer for it."""

from __future__ import annotations

import pytest

from ostler import data
from ostler.core.gpus import find
from ostler.core.kernels import refusal
from ostler.nouns import Format, ModelFacts

GPUS = data.gpus()


def facts(quantization: str | None, format: Format = Format.SAFETENSORS) -> ModelFacts:
    return ModelFacts(format, "X", None, 1, 2, None, quantization=quantization)


@pytest.mark.parametrize(
    ("quantization", "gpu", "runs"),
    [
        (None, "V100-16GB", True),
        (None, "P40", False),  # Pascal
        ("awq 4-bit", "T4", True),
        ("awq", "V100-16GB", False),
        ("awq", "MI300X", False),
        ("fp8", "A100-80GB-SXM", True),  # unpacked on the way
        ("fp8", "T4", False),
        ("fp8", "MI300X", True),
        ("fp8", "MI250", False),
        ("mxfp4", "H100-80GB-SXM", True),
        (None, "MI300X", True),
        (None, "MI100", False),
        (None, "Gaudi3", False),
        (None, "Apple-M4-Max", False),
    ],
)
def test_by_weights_and_gpu(quantization: str | None, gpu: str, runs: bool) -> None:
    said = refusal(facts(quantization), find(gpu, GPUS))
    assert (said is None) is runs, said


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_llama_cpp_runs_on_all_of_them(gpu) -> None:  # type: ignore[no-untyped-def]
    assert refusal(facts("q4_k_m", Format.GGUF), gpu) is None
