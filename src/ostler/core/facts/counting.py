"""How many parameters a tensor table holds, and of which type most of its bytes are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ostler.nouns import Tensor, TensorTable

# Beside a packed or scaled weight lie tensors that describe its packing: no parameters.
PACKING = (".qzeros", ".scales", ".g_idx")
SCALES = ("_scale", "_scale_inv", "_scale_2", "_zero_point")
PACKED_BITS = {"awq": (4,), "gptq": (2, 3, 4, 8)}
CLASSIFIERS = ("classifier.out_proj.weight", "classifier.weight", "score.weight")
PLAIN_FLOATS = ("F64", "F32", "F16", "BF16")


def dominant_dtype(tables: Sequence[TensorTable]) -> str | None:
    """Return the type that holds most of the bytes; None for no tensors."""
    sizes: Counter[str] = Counter()
    for tensor in _all(tables):
        sizes[tensor.dtype] += tensor.nbytes
    return sizes.most_common(1)[0][0] if sizes else None


def labels(tables: Sequence[TensorTable]) -> int | None:
    """Return into how many classes a classifier's last layer sorts; None without such a layer."""
    heads = (tensor for tensor in _all(tables) if tensor.name in CLASSIFIERS and tensor.shape)
    return next((head.shape[0] for head in heads), None)


def elements(tables: Sequence[TensorTable]) -> int:
    """Return the number of elements of all tensors."""
    return sum(prod(tensor.shape) for tensor in _all(tables))


def parameters(
    tables: Sequence[TensorTable], config: Mapping[str, Any]
) -> tuple[int | None, tuple[str, ...]]:
    """Return the exact parameter count of safetensors files, and what stood in its way.

    Packed AWQ and GPTQ weights count as the weights they unpack to (32 / bits per stored
    integer), MXFP4 blocks as two per byte; scales and zero points are no parameters.
    """
    tensors = _all(tables)
    if not tensors:
        return None, ("Without tensor headers the parameters cannot be counted.",)
    packing = config.get("quantization_config")
    if not isinstance(packing, Mapping):
        return elements(tables), ()
    method = str(packing.get("quant_method", "")).lower()
    bits = packing.get("bits", packing.get("w_bit"))
    if method in PACKED_BITS and bits in PACKED_BITS[method]:
        return sum(_unpacked(tensor, bits) for tensor in tensors), ()
    if method == "mxfp4":
        return sum(_mxfp4(tensor) for tensor in tensors), ()
    weights = [tensor for tensor in tensors if not tensor.name.endswith(SCALES)]
    if all(tensor.dtype.startswith("F8_") or tensor.dtype in PLAIN_FLOATS for tensor in weights):
        return sum(prod(tensor.shape) for tensor in weights), ()
    return None, (f"How {method or 'this quantization'} packs its weights is not known here.",)


def _all(tables: Sequence[TensorTable]) -> list[Tensor]:
    return [tensor for table in tables for tensor in table.tensors]


def _unpacked(tensor: Tensor, bits: int) -> int:
    if tensor.name.endswith(PACKING):
        return 0
    count = prod(tensor.shape)
    return count * 32 // bits if tensor.name.endswith(".qweight") else count


def _mxfp4(tensor: Tensor) -> int:
    if tensor.name.endswith("_scales"):
        return 0
    return prod(tensor.shape) * (2 if tensor.name.endswith("_blocks") else 1)
