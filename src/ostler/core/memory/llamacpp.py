"""What llama.cpp takes: measured on the lines it prints when it loads (xllamacpp 2026.10.11549)."""

from __future__ import annotations

from ostler.core.dtypes import GGML_BY_NAME
from ostler.core.memory.parts import counted, kv_cache, layer_width, unknown_width, weights
from ostler.errors import UsageError
from ostler.nouns import ModelFacts, Term, Workload

BATCH = 512  # tokens computed at once: n_ubatch, llama.cpp's default
CELLS = 256  # a sequence's context is rounded up to a multiple of this
RUNTIME = 40 * 2**20  # a server process before it loads: 39 MB resident, measured
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
    work, more = _compute(facts, cells)
    output = _output(facts, workload.sequences)
    runtime = Term("runtime", RUNTIME, "a server process before it loads, measured")
    return (weights(facts), *cache, *work, *output, runtime), notes + more


def _compute(facts: ModelFacts, cells: int) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the compute buffer with flash attention, which llama.cpp takes where it can."""
    width = layer_width(facts)
    if width is None:
        return (), (unknown_width("compute buffer"),)
    at_once = cells if facts.attention == "none" else min(BATCH, cells)
    size = at_once * width * 4 + at_once * cells * 2
    because = (
        f"{at_once:,} tokens at once x (5 x {facts.hidden:,} + 3 x {facts.feed_forward:,})"
        f" x 4 bytes, and a mask of {at_once:,} x {cells:,} x 2 bytes"
    )
    return (Term("compute buffer", size, because),), ()


def _output(facts: ModelFacts, sequences: int) -> tuple[Term, ...]:
    if facts.vocabulary is None or facts.attention == "none":
        return ()
    because = f"{facts.vocabulary:,} words x 4 bytes x {counted(sequences)}"
    return (Term("output buffer", facts.vocabulary * 4 * sequences, because),)
