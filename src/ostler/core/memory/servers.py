"""What SGLang, TensorRT-LLM and MLX take. Their constants are from their sources, not from rows."""

from __future__ import annotations

from ostler.core.memory.cache import Keeping, cache_terms
from ostler.core.memory.kv_types import OF_GPUS, kv_types
from ostler.core.memory.parts import check_split, layer_width, unknown_width, weights
from ostler.nouns import ModelFacts, Term, Workload

CONTEXT = 450 * 2**20  # a CUDA context with its kernels, on A100 and H100
CHUNK = 8192  # SGLang's chunked_prefill_size on GPUs of 60 GiB and more
GRAPH_BATCHES = 160  # the largest batch SGLang captures a graph for
ENGINE_TOKENS = 8192  # max_num_tokens of trtllm-serve
ENGINE_BATCH = 2048  # max_batch_size of trtllm-serve
METAL = 350 * 10**6  # Python with mlx before it loads
METAL_STEP = 2048  # tokens of a prompt that mlx_lm computes at once
MLX_GROWS = 256  # tokens by which mlx_lm's cache grows
UNCALIBRATED = "profile_uncalibrated: the constants of {} come from its source, not from rows."
Terms = tuple[tuple[Term, ...], tuple[str, ...]]


def sglang(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of SGLang on one GPU. Flags: "chunked-prefill-size", "swa-full".

    Raises UsageError and ImpossibleSplit.
    """
    ranks = check_split(facts, workload, "sglang", can=True)
    at_once = _number(workload, "chunked-prefill-size") or CHUNK
    graphs = GRAPH_BATCHES * (facts.vocabulary or 0) * 4 + (facts.layers or 0) * 10 * 2**20
    words = f"graphs of up to {GRAPH_BATCHES} sequences, with their logits"
    return _of_gpu(facts, context, workload, "sglang", ranks, 1, at_once, (graphs, words))


def tensorrt(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of TensorRT-LLM on one GPU. Flags: "max-num-tokens", "max-batch-size".

    Raises UsageError and ImpossibleSplit.
    """
    ranks = check_split(facts, workload, "tensorrt-llm", can=True)
    at_once = _number(workload, "max-num-tokens") or ENGINE_TOKENS
    batch = _number(workload, "max-batch-size") or ENGINE_BATCH
    logits = batch * (facts.vocabulary or 0) * 4
    words = f"logits of {batch:,} sequences"
    return _of_gpu(facts, context, workload, "tensorrt-llm", ranks, 32, at_once, (logits, words))


def _of_gpu(
    facts: ModelFacts, context: int, workload: Workload, engine: str,
    ranks: int, block: int, at_once: int, beside: tuple[int, str],
) -> Terms:  # fmt: skip
    keys, values = kv_types(workload.kv_dtype, OF_GPUS, engine, facts.dtype)
    windowed = workload.flag("swa-full") is None
    keeping = Keeping(keys, values, block, windowed=windowed, beside_window=at_once, conv_bytes=2)
    cache, notes = cache_terms(facts, context, workload.sequences, keeping, ranks)
    found = [weights(facts, ranks), *cache]
    hidden, middle = facts.hidden, facts.feed_forward
    if hidden is None or middle is None:
        notes = (*notes, unknown_width("activations"))
    else:
        size = at_once * (3 * hidden + -(-2 * middle // ranks)) * 2
        because = (
            f"{at_once:,} tokens at once x (3 x {hidden:,} + 2 x {middle:,} / {ranks}) x 2 bytes"
        )
        found.append(Term("activations", size, because))
    found.append(Term("buffers", beside[0], beside[1]))
    found.append(Term("non-torch", CONTEXT, "the CUDA context with its kernels"))
    return tuple(found), (*notes, UNCALIBRATED.format(engine))


def mlx(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of an mlx_lm server, in memory that GPU and system share."""
    check_split(facts, workload, "mlx", can=False)
    allowed = ("f16", "bf16", "auto", "q8_0", "q4_0")
    keys, values = kv_types(workload.kv_dtype, allowed, "mlx", facts.dtype)
    keeping = Keeping(keys, values, MLX_GROWS, conv_bytes=2)
    cache, notes = cache_terms(facts, context, workload.sequences, keeping)
    runtime = Term("runtime", METAL, "Python with mlx before it loads")
    width, notes = layer_width(facts), (*notes, UNCALIBRATED.format("mlx"))
    if width is None:
        return (weights(facts), *cache, runtime), (*notes, unknown_width("activations"))
    at_once = min(METAL_STEP, context)
    because = f"{at_once:,} tokens at once x {width:,} numbers x 2 bytes"
    work = Term("activations", at_once * width * 2, because)
    return (weights(facts), *cache, work, runtime), notes


def _number(workload: Workload, flag: str) -> int | None:
    value = workload.flag(flag)
    return int(value) if value and value.isdecimal() else None
