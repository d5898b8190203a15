"""The types a KV cache is kept in, as flags of engines name them."""

from __future__ import annotations

from ostler.core.dtypes import GGML_BY_NAME, Blocks
from ostler.errors import UsageError

LLAMA_CPP = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
IK_LLAMA_CPP = (*LLAMA_CPP, "q6_0", "q8_kv")
OF_GPUS = (
    "auto", "f16", "bf16", "fp16", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "int8",
    "nvfp4",
)  # fmt: skip
ANY = ("f32", "f16", "bf16", "fp16", "auto", "q8_0", "q4_0", "int8", "int4")
SAME = {"fp16": "F16", "float16": "F16", "bfloat16": "BF16", "fp32": "F32", "float32": "F32"}
# Beside GGML's: whole bytes, ik_llama.cpp's, NVIDIA's four bits with a scale per 16.
OTHERS = {
    "fp8": Blocks("fp8", 1, 1),
    "fp8_e4m3": Blocks("fp8", 1, 1),
    "fp8_e5m2": Blocks("fp8", 1, 1),
    "int8": Blocks("int8", 1, 1),
    "q8_kv": Blocks("q8_KV", 1, 1),
    "int4": Blocks("int4", 64, 36),
    "q6_0": Blocks("Q6_0", 32, 26),
    "nvfp4": Blocks("nvfp4", 16, 9),
}


def kv_types(
    asked: str, allowed: tuple[str, ...], engine: str, own: str | None
) -> tuple[Blocks, Blocks]:
    """Return the types of keys and of values: "q8_0", or "q8_0/f16" for one of each.

    "auto" is the type the model computes in, `own`. Raises UsageError for one the engine lacks.
    """
    keys, _, values = asked.lower().partition("/")
    return tuple(_one(name, allowed, engine, own) for name in (keys, values or keys))  # type: ignore[return-value]  # two of them


def _one(name: str, allowed: tuple[str, ...], engine: str, own: str | None) -> Blocks:
    if name not in allowed:
        raise UsageError(
            f"{engine} keeps no KV cache of the type {name!r}.",
            hint=f"Choose one of: {', '.join(allowed)}.",
        )
    if name in OTHERS:
        return OTHERS[name]
    if name == "auto":
        return GGML_BY_NAME[own if own in ("F32", "F16", "BF16") and own else "F16"]
    return GGML_BY_NAME[SAME.get(name, name.upper())]
