"""What `transformers serve` takes: the whole prompt of a request goes through a layer at once."""

from __future__ import annotations

from ostler.core.dtypes import FLOATS, GGML_BY_NAME
from ostler.core.memory.parts import kv_cache, layer_width, unknown_width, weights
from ostler.nouns import ModelFacts, Term, Workload

RUNTIME = 390_000_000  # transformers 5.23.0 with torch 2.13.0 and a 3 MB model: 388 MB resident


def terms(
    facts: ModelFacts, context: int, workload: Workload
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the terms of a transformers server and the notes on them.

    It keeps its cache in the type it computes in, so `workload.kv_dtype` does not count.
    """
    element = GGML_BY_NAME[facts.dtype if facts.dtype in FLOATS and facts.dtype else "F16"]
    cache, notes = kv_cache(facts, context, workload.sequences, element)
    runtime = Term("runtime", RUNTIME, "Python with torch before it loads, measured")
    width = layer_width(facts)
    if width is None:
        return (weights(facts), *cache, runtime), (*notes, unknown_width("activations"))
    because = (
        f"{context:,} tokens x (5 x {facts.hidden:,} + 3 x {facts.feed_forward:,})"
        f" x {element.size} bytes ({element.name.lower()})"
    )
    activations = Term("activations", context * width * element.size, because)
    return (weights(facts), *cache, activations, runtime), notes
