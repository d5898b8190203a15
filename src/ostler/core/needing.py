"""What a model needs on each of so many rented GPUs, and which offers hold that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ostler.core import memory
from ostler.core.catalogue import Entry
from ostler.core.kernels import refusal
from ostler.core.memory import DEFAULT_CONTEXT, MARGIN_PERCENT
from ostler.core.memory.soong import simple_terms
from ostler.core.offers import Match, Need, matches, split_refusal
from ostler.core.prices import Offer
from ostler.core.weighing import soong_width
from ostler.errors import UsageError
from ostler.nouns import Estimate, Format, ModelFacts, Term, Workload

SPLIT_BY_SOONG = ("weights", "KV cache", "activations")  # its runtime is on each GPU
BILLION = 10**9


def billions(count: int) -> str:
    """Write a number of parameters as models are named: `0.5 B`, `32.8 B`, `671 B`."""
    size = count / BILLION
    return f"{size:.0f} B" if size >= 100 else f"{size:.1f} B"


def engine_of(facts: ModelFacts) -> str:
    """Return the engine to estimate a rented GPU for: llama.cpp for GGUF, else vLLM."""
    if facts.format is Format.GGUF:
        return "llamacpp"
    return "vllm" if "vllm" in memory.PROFILES else "transformers"


def need(entry: Entry, facts: ModelFacts, workload: Workload, method: str = "architecture") -> Need:
    """Return what a model needs on each of so many GPUs, as a function of their number.

    It raises UsageError where the model cannot be split so, or its size is not known.
    """

    def of(gpus: int) -> Estimate:
        if gpus > 1 and facts.format is Format.GGUF:
            raise UsageError("llama.cpp splits by layers, which is not counted here")
        if why := split_refusal(facts, gpus):
            raise UsageError(why)
        if method == "soong" or by_rule_of_thumb(entry, facts):
            return _soong(entry, facts, workload, gpus)
        if not facts.weight_bytes:
            raise UsageError("What it weighs is not known")
        found = memory.estimate(facts, replace(workload, tensor_parallel=gpus), engine_of(facts))
        if missing := [note for note in found.notes if "_unknown:" in note]:
            raise UsageError(f"What it needs is not wholly known: {missing[0]}")
        return found if facts.parts else _computed(found, facts)

    return of


def _computed(estimate: Estimate, facts: ModelFacts) -> Estimate:
    """Return an estimate that says of its weights that no file was read for them."""
    held = facts.quantization or (facts.dtype or "an unknown type").lower()
    because = f"{facts.parameters or 0:,} parameters as {held}, computed from config.json"
    terms = tuple(
        replace(term, because=because) if term.name == "weights" else term
        for term in estimate.terms
    )
    return replace(estimate, terms=terms)


def held_by(
    offers: Sequence[Offer],
    entry: Entry,
    facts: ModelFacts,
    workload: Workload,
    method: str = "architecture",
) -> list[Match]:
    """Hold each offer against a model, the cheapest first: its memory, its heads, its weights."""
    return matches(
        offers,
        need(entry, facts, workload, method),
        bar=lambda gpu: refusal(facts, gpu),
        as_sold=method == "soong" or by_rule_of_thumb(entry, facts),
    )


def by_rule_of_thumb(entry: Entry, facts: ModelFacts) -> bool:
    """Say whether no more than the typed size of a model is known, so that only a rule helps."""
    return facts.layers is None and entry.billions is not None


def _soong(entry: Entry, facts: ModelFacts, workload: Workload, gpus: int) -> Estimate:
    """Return the rule of thumb for the size in the model's name, shared among GPUs."""
    count = int(entry.billions * BILLION) if entry.billions else facts.parameters
    if not count:
        raise UsageError("The rule of thumb needs the number of parameters")
    context = workload.context or entry.context or facts.context_length or DEFAULT_CONTEXT
    width = soong_width(entry.quantization or facts.quantization or "fp16")
    whole = simple_terms(count, width, context)
    terms = tuple(
        replace(term, bytes=-(-term.bytes // gpus), because=f"{term.because}, / {gpus} GPUs")
        if gpus > 1 and term.name in SPLIT_BY_SOONG
        else term
        for term in whole
    )
    margin = -(-sum(term.bytes for term in terms) * MARGIN_PERCENT // 100)
    because = f"{MARGIN_PERCENT} % of the total"
    return Estimate("any", context, 1, terms, Term("margin", margin, because))
