"""Which GPUs can compute with which weights: a model that fits is of no use where it cannot run.

From the quantization and hardware tables of vLLM's documentation, v0.9.2 to v0.15.1. llama.cpp
runs GGUF on all of these.
"""

from __future__ import annotations

from ostler.core.gpus import Gpu
from ostler.nouns import Format, ModelFacts

# The least NVIDIA compute capability. fp8 and mxfp4 below 8.9 and 10.0 are unpacked on the way.
LEAST = {"awq": 7.5, "gptq": 7.0, "int4": 8.0, "int8": 7.5, "fp8": 8.0, "mxfp4": 8.0}
LEAST_PLAIN = 7.0
AMD = {
    "": ("gfx90a", "gfx942", "gfx950", "gfx110", "gfx115", "gfx120"),
    "fp8": ("gfx942", "gfx950", "gfx12"),
    "mxfp4": ("gfx942", "gfx950"),
    "gptq": ("gfx90a", "gfx942", "gfx950", "gfx110", "gfx115", "gfx120"),
}


def refusal(facts: ModelFacts, gpu: Gpu) -> str | None:
    """Say why vLLM could not run a model's weights on a GPU; None where nothing speaks against it.

    Apple's and Intel's are left to engines of their own: only GGUF is taken to run there.
    """
    if facts.format is Format.GGUF:
        return None
    held = next((name for name in LEAST if name in (facts.quantization or "")), "")
    named = held or "unquantized"
    if gpu.vendor == "nvidia":
        least = LEAST.get(held, LEAST_PLAIN)
        if float(gpu.capability) < least:
            return (
                f"vLLM wants compute capability {least} for {named} weights, not {gpu.capability}"
            )
        return None
    if gpu.vendor == "amd":
        if gpu.capability.startswith(AMD.get(held, ())):
            return None
        return f"vLLM does not list {named} weights for {gpu.capability}"
    return f"no engine here for {named} weights on {gpu.vendor} GPUs"
