"""The header of a safetensors file: a length, then JSON that says where each tensor lies."""

from __future__ import annotations

import json
from typing import Any

from ostler.core.dtypes import SAFETENSORS_BITS
from ostler.core.headers.prefix import NeedMore, corrupt, need
from ostler.nouns import Format, Tensor, TensorTable

MAX_RANK = 64  # as NumPy; no model has a tensor of more dimensions
MAX_DIMENSION = 2**63 - 1


def read(prefix: bytes, file_size: int) -> TensorTable | NeedMore:
    """Return the table of a safetensors file. Raises CorruptFile.

    Offsets must be contiguous and cover the file to its last byte, so the sum of the shapes is
    the exact parameter count and a truncated file is known by its header alone.
    """
    if short := need(8, prefix, file_size):
        return short
    data_begin = 8 + int.from_bytes(prefix[:8], "little")
    if data_begin == 8:
        raise corrupt("it is empty")
    if short := need(data_begin, prefix, file_size):
        return short
    entries = _json(prefix[8:data_begin])
    metadata = _metadata(entries.pop("__metadata__", {}))
    spans = sorted(_span(name, entry) for name, entry in entries.items())
    _check_cover(spans, file_size - data_begin)
    tensors = tuple(tensor for _, _, _, tensor in spans)
    return TensorTable(Format.SAFETENSORS, tensors, metadata, data_begin)


def _json(header: bytes) -> dict[str, Any]:
    if header[:1] != b"{":
        raise corrupt("it does not begin with '{'")
    try:
        entries = json.loads(header.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise corrupt("it is not JSON") from None
    return dict(entries)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise corrupt("it names something twice")
    return entries


def _metadata(entry: object) -> dict[str, object]:
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        raise corrupt("__metadata__ is not a table of texts")
    return entry


def _span(name: str, entry: object) -> tuple[int, int, str, Tensor]:
    """Return (begin, end, name, tensor); the name makes the order of empty tensors certain."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise corrupt(f"the entry of {name[:80]!r} lacks dtype, shape or data_offsets")
    shape, offsets = _whole(entry["shape"], MAX_RANK), _whole(entry["data_offsets"], 2)
    if shape is None or offsets is None or len(offsets) != 2:
        raise corrupt(f"the shape or the offsets of {name[:80]!r} are not whole numbers")
    dtype = entry["dtype"]
    if not isinstance(dtype, str) or dtype not in SAFETENSORS_BITS:
        raise corrupt(f"{name[:80]!r} has the unknown type {str(dtype)[:40]!r}")
    bits = SAFETENSORS_BITS[dtype]
    for dimension in shape:
        bits *= dimension
    begin, end = offsets
    if (end - begin) * 8 != bits:
        raise corrupt(f"{name[:80]!r} has {end - begin:,} bytes, its shape and type need others")
    return begin, end, name, Tensor(name, dtype, shape, end - begin)


def _whole(value: object, most: int) -> tuple[int, ...] | None:
    if not isinstance(value, list) or len(value) > most:
        return None
    honest = all(type(number) is int and 0 <= number <= MAX_DIMENSION for number in value)
    return tuple(value) if honest else None


def _check_cover(spans: list[tuple[int, int, str, Tensor]], data_size: int) -> None:
    at = 0
    for begin, end, name, _ in spans:
        if begin != at:
            kind = "overlaps another tensor" if begin < at else "leaves a gap before it"
            raise corrupt(f"{name[:80]!r} {kind}")
        at = end
    if at != data_size:
        raise corrupt(f"its tensors take {at:,} bytes and the file holds {data_size:,} after it")
