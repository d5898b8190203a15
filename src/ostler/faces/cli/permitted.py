"""The operator's rules, held against what a pull would fetch."""

from __future__ import annotations

from dataclasses import replace

from ostler.core.policy import policy
from ostler.nouns import ModelRef, PullPlan
from ostler.settings import Settings


def source(settings: Settings, ref: ModelRef, endpoint: str | None) -> None:
    """Raise SourceNotAllowed unless the model may come from every endpoint that would be asked."""
    rules = policy(settings.pickle, settings.allow)
    for one in (endpoint or settings.endpoint).split(","):
        rules.require_source(ref.name, one.strip())


def plan(settings: Settings, plan: PullPlan) -> PullPlan:
    """Return the plan with the rules' warnings among its notes. Raises UnsafeFormat."""
    rules = policy(settings.pickle, "")
    paths = [one.file.path for one in plan.fetch]
    warnings = rules.require(plan.listing.name, settings.endpoint, paths)
    return replace(plan, notes=(*plan.notes, *warnings))
