"""Tiny writers of GGUF and safetensors files: headers as asked for, and zeros for weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ostler.core.dtypes import GGML_BY_NAME, GGML_TYPES, SAFETENSORS_BITS

# GGUF metadata kinds as struct's letters; 8 is a string, 9 an array.
NUMBERS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
TYPE_IDS = {blocks.name: number for number, blocks in GGML_TYPES.items()}


def safetensors(
    tensors: Sequence[tuple[str, str, tuple[int, ...]]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a file with these (name, dtype, shape) tensors, all zero."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, dtype, shape in tensors:
        bits = SAFETENSORS_BITS[dtype]
        for dimension in shape:
            bits *= dimension
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + bits // 8]}
        at += bits // 8
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def string(text: str) -> bytes:
    """Return a text as GGUF writes it: its length in bytes (uint64), then UTF-8."""
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind: int, what: Any) -> bytes:
    """Return one GGUF metadata value; an array is (element kind, elements)."""
    if kind == 8:
        return string(str(what))
    if kind == 9:
        element, items = what
        return struct.pack("<IQ", element, len(items)) + b"".join(value(element, i) for i in items)
    return struct.pack("<" + NUMBERS[kind], what)


def gguf(
    tensors: Sequence[tuple[str, str, tuple[int, ...]]],
    metadata: Mapping[str, tuple[int, Any]] | None = None,
    alignment: int = 32,
    version: int = 3,
) -> bytes:
    """Return a file with these (name, type, shape) tensors, all zero; shapes fastest first."""
    pairs = dict(metadata or {})
    if alignment != 32:
        pairs["general.alignment"] = (4, alignment)
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, (kind, what) in pairs.items():
        out += string(key) + struct.pack("<I", kind) + value(kind, what)
    at, data = 0, b""
    for name, dtype, shape in tensors:
        blocks = GGML_BY_NAME[dtype]
        elements = 1
        for dimension in shape:
            elements *= dimension
        size = elements // blocks.elements * blocks.size
        out += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out += struct.pack("<IQ", TYPE_IDS[dtype], at)
        padded = -(-size // alignment) * alignment
        data += bytes(padded)
        at += padded
    return out + bytes(-len(out) % alignment) + data
