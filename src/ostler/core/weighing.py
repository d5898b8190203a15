"""config.json and a quantization -> what a model is and weighs, without its weight files.

An estimate from here is for choosing. Where the files can be read, `ostler fit` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ostler.core import facts as files
from ostler.core.facts.config import language_part
from ostler.nouns import Format, ModelFacts

# Bits per weight of the layers, and of the embedding and output matrices.
# fp8 and int8: 1 byte and scales too few to count. int4, awq, gptq: groups of 128 with a 16-bit
# scale and a 4-bit zero, 4 + 20/128. mxfp4: blocks of 32 with an 8-bit scale, experts only.
# GGUF: the mean that llama.cpp's llama-quantize states for Llama-3.1-8B, of all matrices.
BITS = {
    "fp32": (32.0, 32.0),
    "fp16": (16.0, 16.0),
    "bf16": (16.0, 16.0),
    "int8": (8.0, 16.0),
    "int4": (4.0 + 20 / 128, 16.0),
    "fp8": (8.0, 16.0),
    "mxfp4": (4.25, 16.0),
    "awq": (4.0 + 20 / 128, 16.0),
    "gptq": (4.0 + 20 / 128, 16.0),
    "q8_0": (8.5, 8.5),
    "q6_k": (6.56, 6.56),
    "q5_k_m": (5.70, 5.70),
    "q4_k_m": (4.89, 4.89),
}
QUANTIZATIONS = tuple(BITS)
GGUF = ("q8_0", "q6_k", "q5_k_m", "q4_k_m")
DTYPES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
STORED = {"fp32": "F32", "fp16": "F16", "bf16": "BF16", "fp8": "F8_E4M3", "int8": "I8"}
SOONG = {"fp32": "fp32", "fp16": "fp16", "bf16": "fp16", "int8": "int8", "fp8": "int8"}
NOT_COUNTED = "Without tensor headers"


def facts_of(
    config: Mapping[str, Any] | None, quantization: str | None, counted: int | None
) -> ModelFacts:
    """Return what a config.json says, with the weights of `quantization`, or its own where None.

    `counted` is the number of parameters; without it, what the matrices of the config add up to.
    Unknown sizes are 0 bytes and None parameters, and said in `unknown`.
    """
    held = quantization or of_config(config or {})
    found = files.facts(Format.GGUF if held in GGUF else Format.SAFETENSORS, [], config)
    count = counted or sum(matrix.parameters for matrix in found.matrices) or None
    unknown = tuple(one for one in found.unknown if not one.startswith(NOT_COUNTED))
    if count is None:
        unknown += ("How many parameters it has is not known, so neither is what it weighs.",)
    elif held is None:
        unknown += ("Its config.json does not say of which type its weights are.",)
    return replace(
        found,
        parameters=count,
        weight_bytes=weight_bytes(config or {}, count, held) if count and held else 0,
        dtype=STORED.get(held or "", held),
        quantization=None if held in DTYPES.values() else held,
        unknown=unknown,
    )


def of_config(config: Mapping[str, Any]) -> str | None:
    """Return the quantization, or the plain type, that a config.json states; None for neither."""
    text = language_part(config)
    packing = config.get("quantization_config") or text.get("quantization_config")
    if isinstance(packing, Mapping):
        method = str(packing.get("quant_method", "")).lower()
        return method if method in BITS else _by_bits(packing)
    stated = config.get("torch_dtype") or config.get("dtype") or text.get("torch_dtype")
    return DTYPES.get(str(stated or text.get("dtype")))


def _by_bits(packing: Mapping[str, Any]) -> str | None:
    if str(packing.get("format", "")).startswith("float"):
        return "fp8"
    return {4: "int4", 8: "int8"}.get(packing.get("bits", 0))


def weight_bytes(config: Mapping[str, Any], parameters: int, held: str) -> int:
    """Return the bytes of so many parameters, with embeddings and experts as `held` keeps them."""
    text = language_part(config)
    inner, outer = BITS[held]
    ends = min(_ends(text), parameters)
    if held == "mxfp4":
        experts = min(_experts(text), parameters)
        return int((experts * inner + (parameters - experts) * outer) / 8)
    return int(((parameters - ends) * inner + ends * outer) / 8)


def _ends(text: Mapping[str, Any]) -> int:
    """Return the parameters of the embedding and, where it stands alone, the output matrix."""
    size = _whole(text, "vocab_size") * _whole(text, "hidden_size")
    return size if text.get("tie_word_embeddings") else 2 * size


def _experts(text: Mapping[str, Any]) -> int:
    number = _whole(text, "num_local_experts") or _whole(text, "num_experts")
    middle = _whole(text, "moe_intermediate_size") or _whole(text, "intermediate_size")
    layers = _whole(text, "num_hidden_layers")
    return 3 * layers * number * middle * _whole(text, "hidden_size")


def _whole(text: Mapping[str, Any], name: str) -> int:
    value = text.get(name)
    return value if type(value) is int else 0


def soong_width(held: str | None) -> str:
    """Return the nearest of soong's four widths: "fp32", "fp16", "int8" or "int4"."""
    return SOONG.get(held or "fp16", "int8" if held == "q8_0" else "int4")
