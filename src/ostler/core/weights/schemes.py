"""Quantizations by name, and what matrices weigh under one.

Of safetensors quantizations only the linear layers are packed: embeddings, output, norms, routers
and vision towers stay in 16 bits, as llm-compressor, AutoAWQ and AutoGPTQ leave them by default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from ostler.core.dtypes import GGML_BY_NAME
from ostler.core.weights.mixtures import BASE, OF_IK, Recipe
from ostler.core.weights.parts import role_of, split_of
from ostler.nouns import Matrix, ModelFacts, WeightPart

PLAIN = {"f32": 32, "fp32": 32, "float32": 32, "f16": 16, "fp16": 16, "float16": 16,
         "bf16": 16, "bfloat16": 16}  # fmt: skip
GROUP = 128  # weights that share a scale: the default of AutoAWQ and AutoGPTQ
# Bits per weight with what describes the packing: a 16-bit scale and a zero point per group.
PACKED = {
    "awq": 4 + (16 + 4) / GROUP,
    "gptq4": 4 + (16 + 4) / GROUP,
    "gptq3": 3 + (16 + 3) / GROUP,
    "gptq8": 8 + (16 + 8) / GROUP,
    "int4": 4 + (16 + 4) / GROUP,
    "int8": 8,  # one scale per row
    "fp8": 8 + 32 / GROUP**2,  # a 32-bit scale per block of 128 x 128
    "nvfp4": 4 + 8 / 16,  # an 8-bit scale per 16 weights
    "mxfp4": 4 + 8 / 32,  # an 8-bit scale per 32 weights; experts only
    "nf4": 4 + 32 / 64,  # a 32-bit scale per 64 weights
    "mlx3": 3 + 32 / 64,  # MLX: a 16-bit scale and a 16-bit bias per 64 weights
    "mlx4": 4 + 32 / 64,
    "mlx6": 6 + 32 / 64,
    "mlx8": 8 + 32 / 64,
    "q3f16": 3.2 + 16 / 40,  # MLC: ten weights in 32 bits, a 16-bit scale per 40
    "q4f16": 4 + 16 / 32,
}
# Draft layers are kept too, but for FP8 files.
KEPT = ("token_embd", "output", "norm", "ffn_gate_inp", "vision", "position_embd", "cls",
        "per_layer_token_embd")  # fmt: skip
# NVFP4 files leave the inputs of gated delta layers in 16 bits: the one size published of such a
# file (vllm-project/recipes, Qwen3.8-27B) is met with them and missed by 22 % without.
DELTA_INPUTS = ("attn_qkv", "attn_gate")
NEVER_IN_GGUF = ("vision", "draft")  # a tower is a file of its own; no draft layers
FULL_WIDTH = ("norm", "ffn_gate_inp", "position_embd", "ssm_ba")  # F32 in GGUF files


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way of writing weights: `name` as asked for, `kind` "plain", "packed" or "gguf"."""

    name: str
    kind: str
    bits: float = 0.0  # of a packed weight with its scales
    file_type: str = ""  # of a GGUF file: "Q4_K_M"


def scheme(name: str, gguf: bool = False) -> Scheme | None:
    """Return the quantization that a name means; None where it means none that is known.

    `gguf` says whether the weights are in a GGUF file, for names that both worlds use.
    """
    folded = name.strip().lower()
    upper = re.sub(r"_R[48]$", "", folded.upper())
    upper = {"FP16": "F16", "FP32": "F32", "Q8": "Q8_0"}.get(upper, upper)
    of_both = folded in PLAIN or upper in ("NVFP4", "MXFP4")
    if (upper in GGML_BY_NAME or upper in BASE or upper in OF_IK) and (gguf or not of_both):
        return Scheme(folded, "gguf", file_type=upper)
    if folded in PLAIN:
        return Scheme(folded, "plain", PLAIN[folded])
    key = _packing(folded)
    return Scheme(folded, "packed", PACKED[key]) if key else None


def _packing(name: str) -> str | None:
    """Return the key in PACKED that a name such as "gptq-int8" or "compressed w4a16" means."""
    bits = re.search(r"(?:int|w|q)?(\d+)[ -]?(?:bit|a\d+)?\b", name)
    wide = bits[1] if bits else "4"
    for word in ("nvfp4", "mxfp4", "nf4", "q3f16", "q4f16"):
        if word in name:
            return word
    if "mlx" in name:
        return f"mlx{wide}" if f"mlx{wide}" in PACKED else None
    if "gptq" in name:
        found = re.search(r"(?:int|gptq[-_ ]?|^| )([348])", name)
        return f"gptq{found[1] if found else 4}"
    if "awq" in name:
        return "awq"
    if "fp8" in name or "e4m3" in name or "f8_" in name:
        return "fp8"
    if re.search(r"w8a8|w8a16|int8|8[ -]?bit", name):
        return "int8"
    return "int4" if re.search(r"w4a16|int4|4[ -_]?bit", name) else None


def packed(facts: ModelFacts, wanted: Scheme) -> tuple[WeightPart, ...]:
    """Return the parts of a model's weights under a quantization; empty for unknown shapes."""
    if wanted.kind != "gguf":
        delta = any(one.role == "attn_gate" for one in facts.matrices)
        inputs = DELTA_INPUTS if delta and wanted.bits == PACKED["nvfp4"] else ()
        drafts = () if wanted.bits == PACKED["fp8"] else ("draft",)
        kept = (*KEPT, *inputs, *drafts)
        return _summed(_written(matrix, wanted, kept) for matrix in facts.matrices)
    layers = facts.layers or 1
    group = (facts.heads or 1) // (facts.kv_heads or facts.heads or 1)
    split = facts.family == "mixtral"  # its files are of a time when experts were split
    recipe = Recipe(wanted.file_type, layers, group, facts.experts or 0, facts.tied, split)
    return _summed(
        (matrix.role, _in_gguf(matrix, recipe))
        for matrix in facts.matrices
        if matrix.role not in NEVER_IN_GGUF
    )


def _written(matrix: Matrix, wanted: Scheme, kept: tuple[str, ...]) -> tuple[str, int]:
    bits = wanted.bits
    experts_only = wanted.bits == PACKED["mxfp4"] and not matrix.role.endswith("_exps")
    if wanted.kind == "packed" and (matrix.role in kept or experts_only):
        bits = 16
    return matrix.role, ceil(matrix.parameters * bits / 8)


def _in_gguf(matrix: Matrix, recipe: Recipe) -> int:
    if matrix.role in FULL_WIDTH:
        return matrix.parameters * 4
    each, size = matrix.columns * matrix.rows * matrix.copies, 0
    for layer in matrix.layers or (0,):
        blocks = recipe.type_of(matrix.role, matrix.columns, layer)
        size += -(-each * blocks.size // blocks.elements)
    return size


def _summed(sizes: Iterable[tuple[str, int]]) -> tuple[WeightPart, ...]:
    """Return one part per role and way of splitting."""
    found: dict[tuple[str, str], int] = {}
    for role, size in sizes:
        key = (role_of(role), split_of(role))
        found[key] = found.get(key, 0) + size
    return tuple(WeightPart(role, size, split) for (role, split), size in found.items())
