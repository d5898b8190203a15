"""The terms that engines share: weights, KV cache, the working memory of one layer."""

from __future__ import annotations

from ostler.core.dtypes import Blocks
from ostler.nouns import ModelFacts, Term


def weights(facts: ModelFacts) -> Term:
    """Return the size of the weight files: all of it is loaded."""
    return Term("weights", facts.weight_bytes, "the size of the weight files")


def kv_cache(
    facts: ModelFacts, tokens: int, sequences: int, element: Blocks
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the KV cache of `sequences` times `tokens` tokens, or a note why it is left out.

    Exact where all layers keep keys and values of one shape. Sliding windows make it an upper
    bound, and say so. What latent and mixed attention keep is not modelled.
    """
    if facts.attention == "none":
        reason = "an encoder reads a whole text at once and keeps no cache"
        return (Term("KV cache", 0, reason),), ()
    layers, kv_heads, head_dim = facts.layers, facts.kv_heads, facts.head_dim
    if facts.attention not in ("full", "sliding"):
        kind = f"{facts.attention} attention" if facts.attention else "unknown attention"
        return (), (f"kv_cache_unknown: {kind}; its KV cache is NOT in this total.",)
    if layers is None or kv_heads is None or head_dim is None:
        return (), ("kv_cache_unknown: its shape is not stated; it is NOT in this total.",)
    numbers = 2 * layers * kv_heads * head_dim * tokens * sequences
    size = f"{element.size}/{element.elements}" if element.elements > 1 else str(element.size)
    because = (
        f"2 (keys, values) x {layers} layers x {kv_heads} KV heads x {head_dim} per head"
        f" x {size} bytes ({element.name.lower()}) x {tokens:,} tokens x {counted(sequences)}"
    )
    notes: tuple[str, ...] = ()
    if facts.attention == "sliding":
        because = f"at most {because}"
        notes = ("kv_cache_upper_bound: layers with a sliding window need less than stated.",)
    return (Term("KV cache", -(-numbers * element.size // element.elements), because),), notes


def counted(sequences: int) -> str:
    """Return "1 sequence" or "6 sequences"."""
    return f"{sequences} sequence" + ("" if sequences == 1 else "s")


def layer_width(facts: ModelFacts) -> int | None:
    """Return how many numbers per token one layer works on at the same moment.

    5 x hidden + 3 x feed-forward: the residual stream with its norms, and gate, up and product.
    Found by measuring: the compute buffers that llama.cpp of xllamacpp 2026.10.11549 prints for
    llama and qwen3 models are this within 0.03 MiB where feed-forward >= 3 x hidden, less in
    narrower models, up to twice as much in mixtures of experts. The totals that Qwen publishes for
    Qwen2.5 up to 32B under transformers, at 2,049 to 32,768 tokens, are met within 6 %.
    None where a width is not known.
    """
    if facts.hidden is None or facts.feed_forward is None:
        return None
    return 5 * facts.hidden + 3 * facts.feed_forward


def unknown_width(name: str) -> str:
    """Return the note for a working memory that cannot be computed."""
    return f"{name.replace(' ', '_')}_unknown: a layer's width is not stated; it is NOT included."
