"""The one scale of a reranker's scores: the sigmoid of its raw output, from 0 to 1.

What an engine does to that output is its own choice, by what config.json says. Whatever it applies
besides a sigmoid is the maker's scale, and is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostler.nouns import ModelFacts, Scores

# Where config.json names what is applied: torch's classes by their whole names.
PROBLEM = "problem_type"  # of transformers
ACTIVATION = "activation_fn"  # of sentence-transformers, in an object of its own, since 4.0
OLD_ACTIVATION = "sbert_ce_default_activation_function"  # before
PLAIN = ("Identity", "regression")  # nothing is applied
# Of these llama.cpp gives a probability, the softmax of yes and no (llama-graph.cpp).
SOFTMAX_IN_LLAMACPP = ("qwen3", "qwen3vl")


def named(config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return what config.json names, by the setting that does."""
    own = config.get("sentence_transformers")
    found = {
        PROBLEM: config.get(PROBLEM),
        ACTIVATION: own.get(ACTIVATION) if isinstance(own, Mapping) else None,
        OLD_ACTIVATION: config.get(OLD_ACTIVATION),
    }
    return tuple((key, value) for key, value in found.items() if isinstance(value, str) and value)


def of_llamacpp(facts: ModelFacts) -> Scores:
    """llama.cpp applies nothing, but to the family that answers yes or no."""
    return Scores.GIVEN if facts.family in SOFTMAX_IN_LLAMACPP else Scores.LOGITS


def of_vllm(facts: ModelFacts) -> Scores:
    """vLLM applies the first that is named, else a sigmoid (pooler/activations.py)."""
    return _after(facts, (PROBLEM, ACTIVATION, OLD_ACTIVATION), "Sigmoid", Scores.GIVEN)


def of_sglang(facts: ModelFacts) -> Scores:
    """SGLang knows the old name alone, else it applies nothing (layers/activation.py)."""
    return _after(facts, (OLD_ACTIVATION,), "Identity", Scores.LIST)


def _after(facts: ModelFacts, settings: Sequence[str], otherwise: str, scaled: Scores) -> Scores:
    said = dict(facts.score_functions)
    applied = next((said[name] for name in settings if name in said), otherwise)
    return Scores.LOGITS if applied.rpartition(".")[2] in PLAIN else scaled
