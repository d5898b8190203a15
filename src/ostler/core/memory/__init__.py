"""What a model needs in memory: a sum of named terms, each with its reason, and a margin apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ostler.core.memory import llamacpp, servers, soong, transformers, vllm, vllm_cpu
from ostler.core.memory.corrections import corrected
from ostler.errors import EngineUnsupported, UsageError
from ostler.nouns import Estimate, Measurement, ModelFacts, Term, Workload

__all__ = ["DEFAULT_CONTEXT", "MARGIN_PERCENT", "METHODS", "PROFILES", "estimate", "profile_of"]

PROFILES = {
    "ik_llama.cpp": llamacpp.terms_of_ik,
    "infinity": transformers.terms,  # it runs models by transformers
    "llamacpp": llamacpp.terms,
    "mlx": servers.mlx,
    "sglang": servers.sglang,
    "tensorrt-llm": servers.tensorrt,
    "transformers": transformers.terms,
    "triton": vllm.terms,  # it runs models by vLLM
    "vllm": vllm.terms,
    "vllm-cpu": vllm_cpu.terms,
    "vllm-v0": vllm.terms_of_v0,
}
# Older versions of an engine that take memory in another way: below which, and by what profile.
OLDER = {"vllm": ((0, 8), "vllm-v0")}
METHODS = ("architecture", "soong")

# The one rule for what is added to a total before it is held against free memory.
MARGIN_PERCENT = 10

# Tokens per sequence where nobody asks: models claim up to millions, and few machines hold that.
DEFAULT_CONTEXT = 8192


def estimate(
    facts: ModelFacts,
    workload: Workload,
    engine: str,
    method: str = "architecture",
    margin_percent: int = MARGIN_PERCENT,
    *,
    version: str | None = None,
    model: str | None = None,
    measured: Sequence[Measurement] = (),
) -> Estimate:
    """Return what `engine` needs to serve the model under this workload, on each of its GPUs.

    "architecture" adds up what the files say; "soong" is the simple formula of core.memory.soong.
    What cannot be known is left out of the sum and said in the notes. `version` is the engine's;
    `measured` is what this `model` (org/name) or its family took before: it takes the place of
    what is computed, and the notes say so.
    Raises EngineUnsupported for an engine without a profile, ImpossibleSplit for GPUs that cannot
    share the heads, UsageError for an unknown method.
    """
    context, notes = _context(facts, workload)
    profile = profile_of(engine, version)
    if method == "soong":
        terms, more = soong.terms(facts, context)
    elif method != "architecture":
        raise UsageError(
            f"There is no method {method!r} of estimating memory.",
            hint=f"Choose one of: {', '.join(METHODS)}.",
        )
    elif profile in PROFILES:
        terms, more = PROFILES[profile](facts, context, workload)
    else:
        raise EngineUnsupported(
            f"How much memory {engine} takes is not known here.",
            hint="Use --method soong, which does not look at the engine.",
            engine=engine,
        )
    found = Estimate(
        engine=engine,
        context=context,
        sequences=workload.sequences,
        terms=terms,
        margin=_margin(terms, margin_percent),
        notes=(*notes, *more),
    )
    if not measured or method == "soong":
        return found
    found = corrected(found, facts, measured, model, workload)
    return replace(found, margin=_margin(found.terms, margin_percent))


def profile_of(engine: str, version: str | None) -> str:
    """Return the profile's name for an engine of this version or build, the newest if unknown."""
    if version is None or engine not in OLDER:
        return engine
    if "cpu" in version:
        return f"{engine}-cpu"  # its version says so, as vLLM itself looks for it
    (major, minor), older = OLDER[engine]
    numbers = [int(part) for part in version.split(".")[:2] if part.isdecimal()]
    return older if len(numbers) == 2 and (numbers[0], numbers[1]) < (major, minor) else engine


def _context(facts: ModelFacts, workload: Workload) -> tuple[int, tuple[str, ...]]:
    """Return the tokens per sequence, and why it is that many."""
    limit, asked = facts.context_length, workload.context
    if asked is None:
        if limit is None:
            return DEFAULT_CONTEXT, (
                f"context: {DEFAULT_CONTEXT:,} tokens, a default; the model states none.",
            )
        if limit <= DEFAULT_CONTEXT:
            return limit, (f"context: {limit:,} tokens, all that the model takes.",)
        return DEFAULT_CONTEXT, (
            f"context: {DEFAULT_CONTEXT:,} tokens, a default; the model takes up to {limit:,}.",
        )
    if limit is not None and asked > limit:
        return asked, (
            f"context_exceeds_model: {asked:,} tokens were asked for, the model takes {limit:,}.",
        )
    return asked, ()


def _margin(terms: tuple[Term, ...], percent: int) -> Term:
    total = sum(term.bytes for term in terms)
    return Term(
        "margin", -(-total * percent // 100), f"{percent} % of the total, for what is not modelled"
    )
