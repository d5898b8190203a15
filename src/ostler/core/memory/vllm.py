"""What vLLM takes on each GPU: weights, the peak of its profiling run, graphs, the cache asked for.

vLLM claims `gpu_memory_utilization` of a device whatever the model needs: what weights, peak and
the rest leave of that is its pool of KV cache. V0 captured CUDA graphs outside of the claim.
"""

from __future__ import annotations

from ostler.core.memory.cache import Keeping, cache_terms
from ostler.core.memory.calibrated import CONSTANTS
from ostler.core.memory.kv_types import OF_GPUS, kv_types
from ostler.core.memory.parts import check_split, unknown_width, weights
from ostler.nouns import ModelFacts, Task, Term, Workload

UTILIZATION = 0.9  # gpu_memory_utilization of vllm serve
BLOCK = 16  # tokens in a block of the cache
BATCHED = 8192  # max_num_batched_tokens of V1's server on GPUs of 70 GiB and more; 2,048 on others
BATCHED_V0 = 2048  # with chunked prefill, which V0 took for contexts above 32,768 by itself
CHUNKS_ABOVE = 32768
SEQUENCES = 256  # max_num_seqs
SAMPLER_BYTES = 10  # V1 samples in place: logits in 16 and in 32 bits, and one copy
CONTEXT = 450 * 2**20  # a CUDA context with its kernels, on A100 and H100
NCCL = 160 * 2**20  # buffers of each further rank's channels
GRAPHS = 16 * 2**20  # of CUDA graphs per layer, for all sizes captured: assumed, not measured
NO_ROWS = "from the engine's source; no measured rows yet"
Terms = tuple[tuple[Term, ...], tuple[str, ...]]


def terms(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of vLLM's V1 engine (0.8 and later) on one GPU, and the notes on them.

    Flags: "max-num-seqs", "max-num-batched-tokens", "gpu-memory-utilization", "enforce-eager".
    Raises UsageError and ImpossibleSplit.
    """
    return _terms(facts, context, workload, v1=True)


def terms_of_v0(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of vLLM's V0 engine (before 0.8) on one GPU, and the notes on them."""
    return _terms(facts, context, workload, v1=False)


def utilization(workload: Workload) -> float:
    """Return the share of the device that vLLM claims."""
    value = workload.flag("gpu-memory-utilization")
    return float(value) if value else UTILIZATION


def _terms(facts: ModelFacts, context: int, workload: Workload, v1: bool) -> Terms:
    ranks = check_split(facts, workload, "vllm", can=True)
    keys, values = kv_types(workload.kv_dtype, OF_GPUS, "vllm", facts.dtype)
    batched = _batched(workload, context, v1)
    keeping = Keeping(keys, values, BLOCK, windowed=v1, beside_window=batched, conv_bytes=2)
    cache, notes = cache_terms(facts, context, workload.sequences, keeping, ranks)
    runtime = _runtime(ranks, v1)
    found = [weights(facts, ranks), *cache]
    peak = _peak(facts, workload, batched, ranks, v1)
    if peak is None:
        notes = (*notes, unknown_width("activation peak"))
    else:
        found.append(peak)
    if workload.flag("enforce-eager") is None and facts.layers and facts.attention != "none":
        size = facts.layers * GRAPHS
        because = f"{facts.layers} layers x 16 MiB (assumed until a start is measured)"
        found.append(Term("CUDA graphs", size, because))
    notes = (*notes, f"vllm claims {utilization(workload):.0%} of each GPU for all of this.")
    return (*found, runtime), notes


def _runtime(ranks: int, v1: bool) -> Term:
    if not v1:
        measured = CONSTANTS["vllm.v0.non_torch"]
        size = int(measured.value)
        return Term("non-torch", size, f"the CUDA context and NCCL ({measured.rows})")
    size = CONTEXT + (NCCL * (ranks - 1).bit_length() if ranks > 1 else 0)
    words = "the CUDA context" + (f" and NCCL for {ranks} ranks" if ranks > 1 else "")
    return Term("non-torch", size, f"{words} ({NO_ROWS})")


def _batched(workload: Workload, context: int, v1: bool) -> int:
    asked = workload.flag("max-num-batched-tokens")
    if asked and asked.isdecimal():
        return int(asked)
    if v1:
        return BATCHED
    return BATCHED_V0 if context > CHUNKS_ABOVE else max(context, BATCHED_V0)


def _peak(facts: ModelFacts, workload: Workload, batched: int, ranks: int, v1: bool) -> Term | None:
    """Return the peak of the profiling run: the widest layer, or the sampler, whichever is more."""
    hidden, middle, words = facts.hidden, facts.feed_forward, facts.vocabulary
    if hidden is None or middle is None:
        return None
    split = -(-2 * middle // ranks)
    layer = batched * (3 * hidden + split) * 2
    because = f"{batched:,} tokens at once x (3 x {hidden:,} + 2 x {middle:,} / {ranks}) x 2 bytes"
    if words is None or facts.task in (Task.EMBED, Task.RERANK):
        return Term("activation peak", layer, because)
    asked = workload.flag("max-num-seqs")
    sequences = int(asked) if asked and asked.isdecimal() else SEQUENCES
    copies = SAMPLER_BYTES / 4 if v1 else CONSTANTS["vllm.v0.sampler"].value
    sampler = int(sequences * words * 4 * copies)
    if sampler <= layer:
        return Term("activation peak", layer, because)
    rows = NO_ROWS if v1 else CONSTANTS["vllm.v0.sampler"].rows
    because = (
        f"{sequences:,} sequences x {words:,} words x 4 bytes x {copies:.2f}, the sampler ({rows})"
    )
    return Term("activation peak", sampler, because)
