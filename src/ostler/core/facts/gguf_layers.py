"""What each layer of a GGUF file keeps from token to token: llama.cpp's hparams, read likewise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ostler.core.facts.sane import MOST, MOST_LAYERS
from ostler.nouns import LayerKind, Matrix, TensorTable

# Each n-th layer of these sees everything (llama.cpp's set_swa_pattern); others slide or chunk.
EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "llama4": 4,
         "exaone4": 4, "olmo2": 4, "plamo3": 8, "smallthinker": 4}  # fmt: skip
CHUNK = 8192  # n_swa of llama4, which the file does not state
# Architectures whose layers the keys do not tell well enough to count what they keep.
UNTOLD = ("t5", "kimi-linear", "rwkv6", "rwkv7", "arwkv7", "rwkv6qwen2")


def layer_kinds(
    own: Mapping[str, Any], architecture: str, layers: int, head_dim: int | None, encoder: bool
) -> tuple[LayerKind, ...]:
    """Return the layers that the architecture's own keys describe; empty where they do not."""
    own = {name: value for name, value in own.items() if _counts(value)}
    if encoder:
        return (LayerKind("none", layers),)
    if layers > MOST_LAYERS:
        return ()
    if architecture in UNTOLD:
        return ()
    if rank := _one(own, "attention.kv_lora_rank"):
        return _latent(own, layers, rank)
    key = own.get("attention.key_length", head_dim)
    value = own.get("attention.value_length", head_dim)
    heads = _each(own.get("attention.head_count_kv", own.get("attention.head_count")), layers)
    if heads is None or type(key) is not int or type(value) is not int:
        return ()
    state = _state(own)
    sliding = _sliding(own, architecture, layers)
    shared = _one(own, "attention.shared_kv_layers")
    every = _one(own, "full_attention_interval") or (4 if architecture == "qwen3next" else 0)
    found = []
    for at in range(layers):
        recurrent = heads[at] == 0 or bool(every and (at + 1) % every)
        if at >= layers - shared:
            found.append(LayerKind("shared", 1))
        elif recurrent:
            if state is None and heads[at]:
                return ()
            found.append(state or LayerKind("none", 1))
        else:
            found.append(_attention(own, architecture, heads[at], key, value, sliding[at]))
    return tuple(replace(one, count=count) for one, count in Counter(found).items())


def _one(own: Mapping[str, Any], name: str) -> int:
    """Return a whole number; 0 where there is none."""
    value = own.get(name)
    return value if type(value) is int else 0


def _counts(value: object) -> bool:
    """Say whether a value is a number that can be counted with, or one for each layer."""
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(one, int) and 0 <= one < MOST for one in numbers)


def _attention(
    own: Mapping[str, Any], architecture: str, heads: int, key: int, value: int, sliding: bool
) -> LayerKind:
    if not sliding:
        return LayerKind("full", 1, heads, key, value)
    key = _one(own, "attention.key_length_swa") or key
    value = _one(own, "attention.value_length_swa") or value
    chunked = architecture == "llama4"
    window = CHUNK if chunked else _one(own, "attention.sliding_window")
    return LayerKind("chunked" if chunked else "sliding", 1, heads, key, value, window)


def _latent(own: Mapping[str, Any], layers: int, rank: int) -> tuple[LayerKind, ...]:
    """Return latent layers; files made for it state the expanded lengths as *_mla."""
    rope, heads = own.get("rope.dimension_count"), own.get("attention.head_count")
    key = own.get("attention.key_length_mla", own.get("attention.key_length"))
    value = own.get("attention.value_length_mla", own.get("attention.value_length"))
    if not all(type(number) is int for number in (rope, heads, key, value)):
        return ()
    index = _one(own, "attention.indexer.key_length")
    return (
        LayerKind("latent", layers, heads or 0, key or 0, value or 0,
                  latent_dim=rank + (rope or 0), latent_rank=rank, index_dim=index),
    )  # fmt: skip


def _each(value: object, layers: int) -> tuple[int, ...] | None:
    if isinstance(value, tuple):
        return value[:layers] if len(value) >= layers else None
    return (value,) * layers if type(value) is int else None


def _sliding(own: Mapping[str, Any], architecture: str, layers: int) -> tuple[bool, ...]:
    """Return which layers look at a window only."""
    pattern = own.get("attention.sliding_window_pattern")
    if isinstance(pattern, tuple) and len(pattern) >= layers:
        return tuple(bool(one) for one in pattern[:layers])
    if not own.get("attention.sliding_window") and architecture != "llama4":
        return (False,) * layers
    every = pattern if isinstance(pattern, int) else EVERY.get(architecture)
    return tuple(bool(every and (at + 1) % every) for at in range(layers))


def _state(own: Mapping[str, Any]) -> LayerKind | None:
    """Return a layer with a state: llama.cpp's n_embd_r and n_embd_s; None without such keys."""
    if short := _one(own, "shortconv.l_cache"):
        return LayerKind("recurrent", 1, conv_numbers=_one(own, "embedding_length") * (short - 1))
    names = ("ssm.conv_kernel", "ssm.inner_size", "ssm.state_size")
    kernel, inner, state = (own.get(name) for name in names)
    if not all(type(number) is int for number in (kernel, inner, state)):
        return None
    assert isinstance(kernel, int)
    assert isinstance(inner, int)
    assert isinstance(state, int)
    groups = _one(own, "ssm.group_count")
    conv = (kernel - 1) * (inner + 2 * groups * state)
    return LayerKind("recurrent", 1, conv_numbers=conv, state_numbers=state * inner)


def matrices(tables: Sequence[TensorTable]) -> tuple[Matrix, ...]:
    """Return the matrices of a GGUF file from its own tensors, those of one shape together."""
    layers: dict[tuple[str, int, int, int], list[int]] = {}
    for table in tables:
        for tensor in table.tensors:
            role, at = _role(tensor.name)
            shape = (*tensor.shape, 1, 1, 1)
            if len(tensor.shape) < 2 or "norm" in role:
                role, shape = "norm", (shape[0] * shape[1] * shape[2], 1, 1)
            found = layers.setdefault((role, shape[0], shape[1], shape[2]), [])
            found.append(at)
    return tuple(Matrix(*key, layers=_numbered(at)) for key, at in layers.items())


def _numbered(at: list[int]) -> tuple[int, ...]:
    """Return the layers; more than one tensor outside of any layer counts as so many layers."""
    return () if at == [-1] else tuple(range(len(at))) if -1 in at else tuple(at)


def _role(name: str) -> tuple[str, int]:
    parts = name.split(".")
    if parts[0] == "blk" and len(parts) > 2 and parts[1].isdecimal():
        return parts[2], int(parts[1])
    return parts[0], -1
