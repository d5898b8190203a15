"""What the processes of all engines have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostler.core.deadlines import deadline
from ostler.nouns import LaunchSpec, ModelFacts, Served, Workload


def process(
    engine: str, words: Sequence[str], model: Served, host: str, port: int, seconds: float,
    **more: Any,
) -> LaunchSpec:  # fmt: skip
    """Describe an engine's process: it answers to the model's id unless `more` says otherwise.

    `seconds` are those that the engine takes without any weights.
    """
    return LaunchSpec(
        engine=engine,
        argv=tuple(words),
        model=model,
        host=host,
        port=port,
        deadline=deadline(seconds, model.facts.weight_bytes),
        **{"model_name": model.id, **more},
    )


def threads(workload: Workload) -> dict[str, str]:
    """The variable that tells PyTorch and MLX how many threads to use, where that is asked."""
    return {"OMP_NUM_THREADS": str(workload.threads)} if workload.threads else {}


def needs_code(facts: ModelFacts) -> str:
    """Why a model that brings its own code is refused, or an empty text."""
    if not facts.remote_code:
        return ""
    return "the model needs code from its own repository, which Ostler does not run"
