"""Matrices and a quantization -> the bytes they take, part by part."""

from __future__ import annotations

from ostler.core.weights.parts import of_tensors, rank_bytes
from ostler.core.weights.schemes import Scheme, packed, scheme

__all__ = ["Scheme", "of_tensors", "packed", "rank_bytes", "scheme"]
