"""The KV cache and the states of a model, layer by layer, as an engine keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from ostler.core.dtypes import Blocks
from ostler.nouns import LayerKind, ModelFacts, Term

LATENT_SCALES = 4  # bytes per token beside a sparse-attention index in fp8


@dataclass(frozen=True, slots=True)
class Keeping:
    """How an engine keeps what layers remember."""

    keys: Blocks
    values: Blocks
    block: int = 1  # tokens are kept in blocks of so many
    latent: bool = True  # it keeps what latent attention shares, not what each head sees
    latent_values: bool = False  # and keeps the latent a second time, as values
    windowed: bool = True  # it drops what a window has passed
    beside_window: int = 0  # tokens kept beside a window: those computed at once
    window_cells: int | None = None  # tokens kept for a window, where the operator fixes them
    conv_bytes: int = 4
    state_bytes: int = 4
    states: int = 1  # copies of a state per sequence


def cache_terms(
    facts: ModelFacts, tokens: int, sequences: int, keeping: Keeping, ranks: int = 1
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return what `sequences` of `tokens` tokens keep on one of `ranks` GPUs, by kind of layer.

    Where the layers are not known one by one, all count as full: an upper bound, and said so.
    Where their shape is not known either, nothing is counted, and that is said.
    """
    layers, notes = _layers(facts)
    if layers is None:
        return (), notes
    if all(layer.kind == "none" for layer in layers):
        reason = "an encoder reads a whole text at once and keeps no cache"
        return (Term("KV cache", 0, reason),), ()
    found: dict[str, list[Term]] = {}
    for layer in layers:
        for term in _kept(layer, tokens, sequences, keeping, ranks):
            found.setdefault(term.name, []).append(term)
    terms = [
        Term(name, sum(one.bytes for one in same), "; ".join(one.because for one in same))
        for name, same in found.items()
    ]
    return tuple(terms), (*notes, *_window_note(layers, keeping), *_shared_note(layers))


def _layers(facts: ModelFacts) -> tuple[tuple[LayerKind, ...] | None, tuple[str, ...]]:
    if facts.attention == "none":
        return (LayerKind("none", facts.layers or 1),), ()
    if facts.layer_kinds:
        return facts.layer_kinds, ()
    if facts.attention not in ("full", "sliding"):
        kind = f"{facts.attention} attention" if facts.attention else "unknown attention"
        return None, (f"kv_cache_unknown: {kind}; its KV cache is NOT in this total.",)
    if facts.layers is None or facts.kv_heads is None or facts.head_dim is None:
        return None, ("kv_cache_unknown: its shape is not stated; it is NOT in this total.",)
    shape = LayerKind("full", facts.layers, facts.kv_heads, facts.head_dim, facts.head_dim)
    if facts.attention == "full":
        return (shape,), ()
    return (shape,), ("kv_cache_upper_bound: layers with a sliding window need less than stated.",)


def _kept(
    layer: LayerKind, tokens: int, sequences: int, keeping: Keeping, ranks: int
) -> tuple[Term, ...]:
    if layer.kind in ("none", "shared"):
        return ()
    whole = -(-tokens // keeping.block) * keeping.block
    if layer.kind == "latent" and keeping.latent:
        return (_latent(layer, whole, sequences, keeping),)
    states: tuple[Term, ...] = ()
    if layer.kind == "recurrent":
        states = (_state(layer, sequences, keeping, ranks),)
        if not layer.kv_heads:
            return states
    cells, name = _cells(layer, whole, keeping)
    return (*states, _heads(layer, name, cells, sequences, keeping, ranks))


def _cells(layer: LayerKind, tokens: int, keeping: Keeping) -> tuple[int, str]:
    """Return how many tokens a layer keeps of each sequence, and the name of its term."""
    if layer.kind == "cross":
        return layer.window or tokens, "cross-attention cache"
    if layer.kind not in ("sliding", "chunked") or not layer.window or not keeping.windowed:
        return tokens, "KV cache"
    if keeping.window_cells:
        return min(tokens, keeping.window_cells), "KV cache of windows"
    seen = layer.window + keeping.beside_window
    seen = -(-seen // keeping.block) * keeping.block
    return min(tokens, seen), "KV cache of windows"


def _heads(
    layer: LayerKind, name: str, tokens: int, sequences: int, keeping: Keeping, ranks: int
) -> Term:
    heads = -(-layer.kv_heads // min(ranks, layer.kv_heads))
    count = layer.count * heads * tokens * sequences
    size = _size(count * layer.key_dim, keeping.keys) + _size(
        count * layer.value_dim, keeping.values
    )
    width, form = f"{layer.key_dim}", _form(keeping.keys)
    begin = "2 (keys, values) x "
    if layer.key_dim != layer.value_dim or keeping.keys != keeping.values:
        begin = ""
        width = f"({layer.key_dim} keys x {form} + {layer.value_dim} values"
        form = f"{_form(keeping.values)})"
    because = (
        f"{begin}{layer.count} layers x {heads} KV heads x {width} per head"
        f" x {form} x {tokens:,} tokens x {counted(sequences)}"
    )
    return Term(name, size, because)


def _latent(layer: LayerKind, tokens: int, sequences: int, keeping: Keeping) -> Term:
    """Return the latent cache: one row per token for all heads, so each GPU holds all of it."""
    count = layer.count * tokens * sequences
    size = _size(count * layer.latent_dim, keeping.keys)
    because = (
        f"{layer.count} layers x {layer.latent_dim} latent numbers x {_form(keeping.keys)}"
        f" x {tokens:,} tokens x {counted(sequences)}"
    )
    if keeping.latent_values:
        size += _size(count * layer.latent_rank, keeping.values)
        because += f", and {layer.latent_rank} of them a second time, as values"
    if layer.index_dim and keeping.block > 1:  # engines that attend sparsely keep the index in fp8
        size += count * (layer.index_dim + LATENT_SCALES)
        because += f", and an index of {layer.index_dim + LATENT_SCALES} bytes per token"
    return Term("KV cache", size, because)


def _state(layer: LayerKind, sequences: int, keeping: Keeping, ranks: int) -> Term:
    conv = -(-layer.conv_numbers // ranks) * keeping.conv_bytes
    state = -(-layer.state_numbers // ranks) * keeping.state_bytes
    copies = layer.count * sequences * keeping.states
    because = (
        f"{layer.count} layers x ({layer.conv_numbers:,} x {keeping.conv_bytes} bytes"
        f" + {layer.state_numbers:,} x {keeping.state_bytes} bytes) x {counted(sequences)}"
    )
    if ranks > 1:
        because += f" / {ranks}"
    return Term("recurrent state", copies * (conv + state), because)


def _window_note(layers: tuple[LayerKind, ...], keeping: Keeping) -> tuple[str, ...]:
    if keeping.windowed or not any(one.kind in ("sliding", "chunked") for one in layers):
        return ()
    return ("windows_kept_whole: layers with a window keep every token, as asked.",)


def _shared_note(layers: tuple[LayerKind, ...]) -> tuple[str, ...]:
    shared = sum(one.count for one in layers if one.kind == "shared")
    return (f"{shared} layers use the cache of an earlier one.",) if shared else ()


def _size(numbers: int, element: Blocks) -> int:
    return -(-numbers * element.size // element.elements)


def _form(element: Blocks) -> str:
    size = f"{element.size}/{element.elements}" if element.elements > 1 else str(element.size)
    return f"{size} bytes ({element.name.lower()})"


def counted(sequences: int) -> str:
    """Return "1 sequence" or "6 sequences"."""
    return f"{sequences} sequence" + ("" if sequences == 1 else "s")
