"""The operator's rules, held against what a pull would fetch."""

from __future__ import annotations

from dataclasses import replace

from ostler import wiring
from ostler.core.policy import policy
from ostler.faces.cli.meant import moved
from ostler.nouns import ModelRef, PullPlan
from ostler.settings import Settings


def source(settings: Settings, ref: ModelRef, endpoint: str | None) -> None:
    """Raise SourceNotAllowed unless the model may come from every endpoint that would be asked."""
    rules = policy(settings.pickle, settings.allow)
    own = ref.source != "hf"
    asked = wiring.origin(settings, ref, endpoint) if own else endpoint or settings.endpoint
    for one in asked.split(","):
        rules.require_source(ref.name, one.strip())


def plan(settings: Settings, plan: PullPlan) -> PullPlan:
    """Return the plan with the rules' warnings, and where its model went, among its notes.

    Raises UnsafeFormat.
    """
    rules = policy(settings.pickle, "")
    paths = [one.file.path for one in plan.fetch]
    warnings = rules.require(plan.listing.name, settings.endpoint, paths)
    name = plan.listing.name
    if plan.fetch and (place := moved(settings, name)):
        back = f"`ostler unarchive {name}` brings it back without a download"
        warnings = (*warnings, f"It was moved to {place}: {back}.")
    return replace(plan, notes=(*plan.notes, *warnings))
