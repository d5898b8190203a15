"""What llama.cpp takes: measured on the lines it prints when it loads (xllamacpp 2026.10.11549)."""

from __future__ import annotations

from ostler.core.dtypes import GGML_BY_NAME
from ostler.core.memory.parts import counted, kv_cache, layer_width, unknown_width, weights
from ostler.errors import UsageError
from ostler.nouns import ModelFacts, Task, Term, Workload

BATCH = 512  # tokens computed at once: n_ubatch, llama.cpp's default
CELLS = 256  # a sequence's context is rounded up to a multiple of this
RUNTIME = 40 * 2**20  # a server process before it loads: 39 MB resident, measured
WHOLE_TEXTS = (Task.EMBED, Task.RERANK)
KV_DTYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def terms(
    facts: ModelFacts, context: int, workload: Workload
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the terms of a llama.cpp server and the notes on them. Raises UsageError."""
    if workload.kv_dtype.lower() not in KV_DTYPES:
        raise UsageError(
            f"llama.cpp keeps no KV cache of the type {workload.kv_dtype!r}.",
            hint=f"Choose one of: {', '.join(KV_DTYPES)}.",
        )
    cells = -(-context // CELLS) * CELLS
    element = GGML_BY_NAME[workload.kv_dtype.upper()]
    cache, notes = kv_cache(facts, cells, workload.sequences, element)
    work, more = _compute(facts, cells, workload.sequences)
    output = _output(facts, workload.sequences)
    runtime = Term("runtime", RUNTIME, "a server process before it loads, measured")
    return (weights(facts), *cache, *work, *output, runtime), notes + more


def _compute(
    facts: ModelFacts, cells: int, sequences: int
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the compute buffer with flash attention, which llama.cpp takes where it can.

    To embed or rank, Ostler gives it whole texts: an encoder must see all of one at once.
    """
    widest = _width(facts)
    if widest is None:
        return (), (unknown_width("compute buffer"),)
    width, words = widest
    batch = max(BATCH, cells) if facts.task in WHOLE_TEXTS else BATCH
    at_once = min(batch, cells * sequences)
    size = at_once * width * 4 + at_once * cells * 2
    because = (
        f"{at_once:,} tokens at once x ({words}) x 4 bytes,"
        f" and a mask of {at_once:,} x {cells:,} x 2 bytes"
    )
    return (Term("compute buffer", size, because),), ()


def _width(facts: ModelFacts) -> tuple[int, str] | None:
    """Return the numbers per token that are worked on at once, and the same in words.

    Measured like `layer_width`: BERT's feed-forward has no gate, and a decoder that embeds or
    ranks has room reserved for a word's probability at every token.
    """
    layer, hidden, middle = layer_width(facts), facts.hidden, facts.feed_forward
    if layer is None or hidden is None or middle is None:
        return None
    if facts.architecture == "bert":
        return 5 * hidden + middle, f"5 x {hidden:,} + {middle:,}"
    if facts.task in WHOLE_TEXTS and facts.attention != "none":
        if facts.vocabulary is None:
            return None
        if facts.vocabulary + 6 * hidden > layer:
            return facts.vocabulary + 6 * hidden, f"{facts.vocabulary:,} + 6 x {hidden:,}"
    return layer, f"5 x {hidden:,} + 3 x {middle:,}"


def _output(facts: ModelFacts, sequences: int) -> tuple[Term, ...]:
    if facts.vocabulary is None or facts.attention == "none":
        return ()  # an encoder gives one vector per sequence: some kilobytes
    because = f"{facts.vocabulary:,} words x 4 bytes x {counted(sequences)}"
    return (Term("output buffer", facts.vocabulary * 4 * sequences, because),)
