"""The element types of weight files, and how many bytes they take.

GGML types are stored in blocks: (elements per block, bytes per block). The numbers are those of
`GGML_QUANT_SIZES` in llama.cpp's gguf-py/gguf/constants.py (0.19.0); Q2_0 is from ggml.h of
llama.cpp b10451. Safetensors types are bits per element, from safetensors 0.8 `Dtype::bitsize`.
"""

from __future__ import annotations

from typing import NamedTuple


class Blocks(NamedTuple):
    """A GGML type: `size` bytes hold `elements` elements."""

    name: str
    elements: int
    size: int


GGML_TYPES: dict[int, Blocks] = {
    0: Blocks("F32", 1, 4),
    1: Blocks("F16", 1, 2),
    2: Blocks("Q4_0", 32, 18),
    3: Blocks("Q4_1", 32, 20),
    6: Blocks("Q5_0", 32, 22),
    7: Blocks("Q5_1", 32, 24),
    8: Blocks("Q8_0", 32, 34),
    9: Blocks("Q8_1", 32, 40),
    10: Blocks("Q2_K", 256, 84),
    11: Blocks("Q3_K", 256, 110),
    12: Blocks("Q4_K", 256, 144),
    13: Blocks("Q5_K", 256, 176),
    14: Blocks("Q6_K", 256, 210),
    15: Blocks("Q8_K", 256, 292),
    16: Blocks("IQ2_XXS", 256, 66),
    17: Blocks("IQ2_XS", 256, 74),
    18: Blocks("IQ3_XXS", 256, 98),
    19: Blocks("IQ1_S", 256, 50),
    20: Blocks("IQ4_NL", 32, 18),
    21: Blocks("IQ3_S", 256, 110),
    22: Blocks("IQ2_S", 256, 82),
    23: Blocks("IQ4_XS", 256, 136),
    24: Blocks("I8", 1, 1),
    25: Blocks("I16", 1, 2),
    26: Blocks("I32", 1, 4),
    27: Blocks("I64", 1, 8),
    28: Blocks("F64", 1, 8),
    29: Blocks("IQ1_M", 256, 56),
    30: Blocks("BF16", 1, 2),
    34: Blocks("TQ1_0", 256, 54),
    35: Blocks("TQ2_0", 256, 66),
    39: Blocks("MXFP4", 32, 17),
    40: Blocks("NVFP4", 64, 36),
    41: Blocks("Q1_0", 128, 18),
    42: Blocks("Q2_0", 64, 18),
}

GGML_BY_NAME: dict[str, Blocks] = {blocks.name: blocks for blocks in GGML_TYPES.values()}

# What llama.cpp wrote into `general.file_type`: LlamaFileType of gguf-py 0.19.0.
GGUF_FILE_TYPES: dict[int, str] = {
    0: "f32",
    1: "f16",
    2: "q4_0",
    3: "q4_1",
    7: "q8_0",
    8: "q5_0",
    9: "q5_1",
    10: "q2_k",
    11: "q3_k_s",
    12: "q3_k_m",
    13: "q3_k_l",
    14: "q4_k_s",
    15: "q4_k_m",
    16: "q5_k_s",
    17: "q5_k_m",
    18: "q6_k",
    19: "iq2_xxs",
    20: "iq2_xs",
    21: "q2_k_s",
    22: "iq3_xs",
    23: "iq3_xxs",
    24: "iq1_s",
    25: "iq4_nl",
    26: "iq3_s",
    27: "iq3_m",
    28: "iq2_s",
    29: "iq2_m",
    30: "iq4_xs",
    31: "iq1_m",
    32: "bf16",
    36: "tq1_0",
    37: "tq2_0",
    38: "mxfp4_moe",
    39: "nvfp4",
    40: "q1_0",
}

SAFETENSORS_BITS: dict[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "U16": 16,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "U32": 32,
    "I32": 32,
    "F32": 32,
    "U64": 64,
    "I64": 64,
    "F64": 64,
    "C64": 64,
}

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
