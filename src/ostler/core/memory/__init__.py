"""What a model needs in memory: a sum of named terms, each with its reason, and a margin apart."""

from __future__ import annotations

from ostler.core.memory import llamacpp, soong, transformers
from ostler.errors import EngineUnsupported, UsageError
from ostler.nouns import Estimate, ModelFacts, Term, Workload

__all__ = ["DEFAULT_CONTEXT", "MARGIN_PERCENT", "METHODS", "PROFILES", "estimate"]

PROFILES = {"llamacpp": llamacpp.terms, "transformers": transformers.terms}
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
) -> Estimate:
    """Return what `engine` needs to serve the model under this workload.

    "architecture" adds up what the files say; "soong" is the simple formula of core.memory.soong.
    What cannot be known is left out of the sum and said in the notes.
    Raises EngineUnsupported for an engine without a profile, UsageError for an unknown method.
    """
    context, notes = _context(facts, workload)
    if method == "soong":
        terms, more = soong.terms(facts, context)
    elif method != "architecture":
        raise UsageError(
            f"There is no method {method!r} of estimating memory.",
            hint=f"Choose one of: {', '.join(METHODS)}.",
        )
    elif engine in PROFILES:
        terms, more = PROFILES[engine](facts, context, workload)
    else:
        raise EngineUnsupported(
            f"How much memory {engine} takes is not known here.",
            hint="Use --method soong, which does not look at the engine.",
            engine=engine,
        )
    return Estimate(
        engine=engine,
        context=context,
        sequences=workload.sequences,
        terms=terms,
        margin=_margin(terms, margin_percent),
        notes=(*notes, *more),
    )


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
