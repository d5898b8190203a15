"""What vLLM can do by version: architectures, quantizations by device, flags that came and went.

Architectures: the gates of xorbitsai/inference @7ecec16b6 and, for Qwen3, vllm-project/recipes
@8959cf6; lower bounds. Quantizations: vLLM's own hardware tables (0.9.2 to 0.15.1). Flags: vLLM's
release notes and the issues of projects that a removal broke.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ostler.nouns import Device

Version = tuple[int, ...]

ARCHITECTURES: tuple[tuple[Version, str], ...] = (
    ((0, 3, 0), "Qwen2ForCausalLM"),
    ((0, 3, 2), "GemmaForCausalLM"),
    ((0, 3, 3), "OrionForCausalLM"),
    ((0, 4, 0), "Qwen2MoeForCausalLM CohereForCausalLM"),
    ((0, 5, 1), "DeepseekV2ForCausalLM"),
    ((0, 6, 1), "InternVLChatModel"),
    ((0, 6, 2), "MiniCPM3ForCausalLM"),
    ((0, 6, 3), "MllamaForConditionalGeneration Qwen2VLForConditionalGeneration"),
    ((0, 7, 0), "InternLM3ForCausalLM"),
    ((0, 7, 2), "Qwen2_5_VLForConditionalGeneration Qwen2AudioForConditionalGeneration"),
    ((0, 7, 3), "Qwen2_5OmniModel"),
    ((0, 8, 0), "Gemma3ForCausalLM Gemma3ForConditionalGeneration"),
    ((0, 8, 4), "Glm4ForCausalLM"),
    ((0, 8, 5), "Qwen3ForCausalLM Qwen3MoeForCausalLM"),
    ((0, 9, 2), "Ernie4_5ForCausalLM Glm4vForConditionalGeneration"),
    ((0, 10, 0), "Glm4MoeForCausalLM Glm4vMoeForConditionalGeneration"),
    ((0, 10, 1), "GptOssForCausalLM"),
    ((0, 10, 2), "SeedOssForCausalLM Qwen3NextForCausalLM MiniCPMV"),
    (
        (0, 11, 0),
        "DeepseekV32ForCausalLM Qwen3VLMoeForConditionalGeneration "
        "Qwen3OmniMoeForConditionalGeneration",
    ),
    ((0, 11, 2), "MiniMaxM2ForCausalLM"),
    ((0, 15, 0), "KimiK25ForConditionalGeneration Glm4MoeLiteForCausalLM"),
    ((0, 16, 0), "GlmMoeDsaForCausalLM"),
    ((0, 17, 0), "Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration"),
    ((0, 19, 0), "Gemma4ForConditionalGeneration"),
    ((0, 20, 1), "DeepseekV4ForCausalLM"),
    (
        (0, 22, 0),
        "HYV3ForCausalLM HunYuanDenseV1ForCausalLM MiniCPMV4_6ForConditionalGeneration",
    ),
    ((0, 24, 0), "MiniMaxM3SparseForConditionalGeneration"),
    ((0, 27, 0), "Qwen3_5MoeForCausalLM"),
)


def least(architecture: str | None) -> Version:
    """Return the first version that knows an architecture, as far as a gate is known; else (0,)."""
    return next((at for at, names in ARCHITECTURES if architecture in names.split()), (0,))


# --- quantizations ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kernels:
    """Where a quantization has kernels."""

    nvidia: float | None  # the least compute capability; None: none
    amd: bool = False
    cpu: bool = False
    since: Version = (0,)
    until: Version | None = None  # the first version without it


QUANTIZATIONS: dict[str, Kernels] = {
    "awq": Kernels(7.5, cpu=True),
    "gptq": Kernels(7.0, cpu=True),
    "compressed-tensors": Kernels(7.5, amd=True, cpu=True),
    "fp8": Kernels(8.0, amd=True),  # 8.9 computes in it; 8.0 unpacks it
    "bitsandbytes": Kernels(7.0),
    "mxfp4": Kernels(8.0, amd=True, since=(0, 10, 1)),
    "modelopt": Kernels(8.0),
    "nvfp4": Kernels(8.0),
    "quark": Kernels(7.5, amd=True),
    "torchao": Kernels(7.5, amd=True),
    "aqlm": Kernels(7.0, until=(0, 11)),
    "bitblas": Kernels(7.5, until=(0, 15)),
    "deepspeedfp": Kernels(7.0, until=(0, 14)),
}


def no_kernels(
    quantization: str | None, version: Version, devices: Iterable[Device]
) -> str:  # fmt: skip
    """Why these weights cannot run on any of these devices, or an empty text.

    A quantization that is not in the table is let through: vLLM itself says what it lacks.
    """
    known = QUANTIZATIONS.get((quantization or "").partition(" ")[0])
    if known is None:
        return ""
    if known.until and version >= known.until:
        gone = ".".join(map(str, known.until))
        return f"vllm dropped {quantization} weights in version {gone}"
    if version < known.since:
        return f"{quantization} weights need vllm {'.'.join(map(str, known.since))}"
    reasons = [_lacking(known, quantization or "", one) for one in devices]
    return "" if not reasons or "" in reasons else reasons[0]


def _lacking(known: Kernels, quantization: str, device: Device) -> str:
    if device.kind == "cpu":
        return "" if known.cpu else f"vllm has no kernels for {quantization} weights on processors"
    if device.kind == "amd":
        return "" if known.amd else f"vllm has no kernels for {quantization} weights on AMD GPUs"
    if known.nvidia is None:
        return f"vllm has no kernels for {quantization} weights on NVIDIA GPUs"
    if device.capability is not None and device.capability < known.nvidia:
        return (
            f"{quantization} weights need compute capability {known.nvidia}, "
            f"and {device.name} has {device.capability}"
        )
    return ""


# --- flags --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gone:
    """A flag that newer versions refuse."""

    since: Version  # the first version that refuses it, or that is known to
    instead: str


GONE: dict[str, Gone] = {
    "disable-log-requests": Gone((0, 11), "requests are not logged unless --enable-log-requests"),
    "task": Gone((0, 13), "--runner pooling, with --convert embed or classify"),
    "override-pooler-config": Gone((0, 11), "--pooler-config"),
    "guided-decoding-backend": Gone((0, 12), "--structured-outputs-config"),
    "swap-space": Gone((0, 18), "nothing: blocks are computed anew instead"),
    "use-v2-block-manager": Gone((0, 11), "nothing: there is one block manager now"),
    "num-scheduler-steps": Gone((0, 11), "--async-scheduling, the default since 0.14"),
}
CAME: dict[str, Version] = {
    "runner": (0, 10),
    "convert": (0, 10),
    "structured-outputs-config": (0, 11),
    "async-scheduling": (0, 10),
    "kv-cache-memory-bytes": (0, 11),
}


def refused_flag(name: str, version: Version) -> str:
    """Why this version refuses a flag, with what to write instead, or an empty text."""
    gone = GONE.get(name)
    if gone and version >= gone.since:
        since = ".".join(map(str, gone.since))
        return f"--{name} is gone since vllm {since}; instead: {gone.instead}"
    came = CAME.get(name)
    if came and version < came:
        return f"--{name} came with vllm {'.'.join(map(str, came))}"
    return ""
