"""What llama.cpp takes: measured on the lines it prints when it loads (xllamacpp 2026.10.11549)."""

from __future__ import annotations

from dataclasses import replace

from ostler.core.memory.cache import Keeping, cache_terms, counted
from ostler.core.memory.kv_types import IK_LLAMA_CPP, LLAMA_CPP, kv_types
from ostler.core.memory.parts import check_split, layer_width, unknown_width, weights
from ostler.nouns import ModelFacts, Task, Term, Workload

BATCH = 512  # tokens computed at once: n_ubatch, llama.cpp's default
CELLS = 256  # a sequence's context is rounded up to a multiple of this
RUNTIME = 40 * 2**20  # a server process before it loads: 39 MB resident, measured
WHOLE_TEXTS = (Task.EMBED, Task.RERANK)
Terms = tuple[tuple[Term, ...], tuple[str, ...]]


def terms(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of a llama.cpp server and the notes on them. Raises UsageError.

    Flags: "swa-full" keeps every token of layers with a window, "ubatch-size" computes so many
    at once, "n-gpu-layers" counts the part of so many layers only, "no-mla" is for files that
    were made before llama.cpp kept the latent of latent attention (ggml-org/llama.cpp#12801),
    "latent-values" for versions that kept it twice (until ggml-org/llama.cpp#19067).
    """
    keys, values = kv_types(workload.kv_dtype, LLAMA_CPP, "llama.cpp", facts.dtype)
    keeping = Keeping(
        keys, values, CELLS,
        latent=workload.flag("no-mla") is None,
        latent_values=workload.flag("latent-values") is not None,
        windowed=workload.flag("swa-full") is None,
        beside_window=_batch(workload),
        window_cells=_number(workload, "window-cells"),
    )  # fmt: skip
    return _server(facts, context, workload, keeping)


def terms_of_ik(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of ik_llama.cpp: no window is dropped, the latent is kept with "mla"."""
    keys, values = kv_types(workload.kv_dtype, IK_LLAMA_CPP, "ik_llama.cpp", facts.dtype)
    keeping = Keeping(keys, values, CELLS, latent=workload.flag("mla") is not None, windowed=False)
    return _server(facts, context, workload, keeping)


def _server(facts: ModelFacts, context: int, workload: Workload, keeping: Keeping) -> Terms:
    check_split(facts, workload, "llama.cpp", can=False)
    cells = -(-context // CELLS) * CELLS
    cache, notes = cache_terms(facts, context, workload.sequences, keeping)
    work, more = _compute(facts, cells, workload)
    output = _output(facts, workload.sequences)
    runtime = Term("runtime", RUNTIME, "a server process before it loads, measured")
    whole = (weights(facts), *cache)
    layers = _number(workload, "n-gpu-layers")
    if layers is not None and facts.layers:
        whole = tuple(_offloaded(term, layers, facts.layers) for term in whole)
    return (*whole, *work, *output, runtime), notes + more


def _offloaded(term: Term, on_gpu: int, layers: int) -> Term:
    """Return the part of a term that lies on the GPU: the output counts as a layer more."""
    of, share = (layers + 1, min(on_gpu, layers + 1)) if term.name == "weights" else (
        layers, min(on_gpu, layers))  # fmt: skip
    because = f"{term.because}; {share} of {of} layers are on the GPU"
    return replace(term, bytes=-(-term.bytes * share // of), because=because)


def _number(workload: Workload, flag: str) -> int | None:
    value = workload.flag(flag)
    return int(value) if value and value.isdecimal() else None


def _batch(workload: Workload) -> int:
    return _number(workload, "ubatch-size") or BATCH


def _compute(facts: ModelFacts, cells: int, workload: Workload) -> Terms:
    """Return the compute buffer with flash attention, which llama.cpp takes where it can.

    To embed or rank, Ostler gives it whole texts: an encoder must see all of one at once.
    """
    widest = _width(facts)
    if widest is None:
        return (), (unknown_width("compute buffer"),)
    width, words = widest
    batch = _batch(workload)
    batch = max(batch, cells) if facts.task in WHOLE_TEXTS else batch
    at_once = min(batch, cells * workload.sequences)
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
