"""Which model, on which rented GPU, for a task and a budget; and why this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostler.core.catalogue import Entry
from ostler.core.needing import billions, held_by
from ostler.core.offers import Match, closest, within
from ostler.core.prices import Offer
from ostler.nouns import ModelFacts, Workload


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be recommended."""

    entry: Entry
    facts: ModelFacts
    here: str = ""  # "kept" or "loaded" on this machine; "" for neither
    blocked: str = ""  # why a licence policy forbids it; "" where none does

    @property
    def context(self) -> int | None:
        """The longest context: what its files say, else what the catalogue does."""
        return self.facts.context_length or self.entry.context


@dataclass(frozen=True, slots=True)
class Pick:
    """A model on an offer."""

    candidate: Candidate
    match: Match

    @property
    def action(self) -> str:
        return "reuse" if self.candidate.here else "deploy"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is best, what else would do, and what was left out and why."""

    best: Pick | None
    reason: str  # one sentence; where nothing will do, why not
    others: tuple[Pick, ...] = ()  # the best first
    closest: Pick | None = None  # where nothing will do
    left_out: tuple[tuple[str, str], ...] = ()  # (id, why)


def recommend(
    candidates: Sequence[Candidate],
    offers: Sequence[Offer],
    task: str,
    workload: Workload,
    budget: float | None = None,
    method: str = "architecture",
) -> Recommendation:
    """Return the model and the GPU to take for a task.

    Of all that fit within the budget: first what is loaded or kept here, then what is made for
    the task before what also does it, then the model with the most parameters, then the cheapest.
    """
    left_out: list[tuple[str, str]] = []
    picks: list[Pick] = []
    nearest: list[Pick] = []
    for one in candidates:
        if why := _unsuitable(one, task, workload):
            left_out.append((one.entry.id, why))
            continue
        found = held_by(offers, one.entry, one.facts, workload, method)
        fitting = next((match for match in found if within(budget, match)), None)
        if fitting:
            picks.append(Pick(one, fitting))
            continue
        near = closest(found)
        left_out.append((one.entry.id, _why_not(near, found, budget)))
        if near:
            nearest.append(Pick(one, near))
    picks.sort(key=lambda pick: _standing(pick, task))
    if picks:
        reason = _reason(picks[0], task, workload, budget)
        return Recommendation(picks[0], reason, tuple(picks[1:]), left_out=tuple(left_out))
    near_pick = min(nearest, key=_nearness, default=None)
    why = _impossible(task, workload, budget, near_pick)
    return Recommendation(None, why, closest=near_pick, left_out=tuple(left_out))


def _unsuitable(one: Candidate, task: str, workload: Workload) -> str | None:
    """Say why a model is not for this task and context at all."""
    if task not in one.entry.tasks:
        return f"not for {task}"
    if one.blocked:
        return one.blocked
    if workload.context and one.context is None:
        return "how long a context it takes is not known"
    if workload.context and one.context and workload.context > one.context:
        return f"takes {one.context:,} tokens at most"
    return None


def _why_not(near: Match | None, found: Sequence[Match], budget: float | None) -> str:
    if near is None:
        return found[0].because if found else "no offer was left to look at"
    if near.fits and budget is not None:
        price = "an unknown price" if near.offer.price is None else f"${near.offer.price:.2f}/h"
        return f"the cheapest that holds it is {_gpus(near.offer)} at {price}"
    return f"nothing holds it; {_gpus(near.offer)} comes closest: {near.because}"


def _standing(pick: Pick, task: str) -> tuple[int, bool, int, float, str]:
    entry, facts = pick.candidate.entry, pick.candidate.facts
    here = {"loaded": 0, "kept": 1}.get(pick.candidate.here, 2)
    price = pick.match.offer.price
    return (
        here,
        entry.tasks[0] != task,
        -(facts.parameters or 0),
        float("inf") if price is None else price,
        entry.id,
    )


def _nearness(pick: Pick) -> tuple[bool, float, str]:
    """Order what would not do: first what costs too much, by its price; then what lacks least."""
    match = pick.match
    price = match.offer.price
    if match.fits:
        return (False, float("inf") if price is None else price, pick.candidate.entry.id)
    lack = match.estimate.required - match.room if match.estimate else float("inf")
    return (True, lack, pick.candidate.entry.id)


def _gpus(offer: Offer) -> str:
    return f"{offer.count}x {offer.gpu.name}"


def _reason(pick: Pick, task: str, workload: Workload, budget: float | None) -> str:
    """Say in one sentence why this model on this offer."""
    entry, facts, offer = pick.candidate.entry, pick.candidate.facts, pick.match.offer
    made = "is made for" if entry.tasks[0] == task else "does"
    size = f" with {billions(facts.parameters)} parameters" if facts.parameters else ""
    room = f" and holds {workload.context:,} tokens" if workload.context else ""
    price = "of unknown price" if offer.price is None else f"at ${offer.price:.2f}/h"
    limit = "" if budget is None else f", within ${budget:.2f}/h"
    here = f"is already {pick.candidate.here} here, " if pick.candidate.here else ""
    return (
        f"{entry.id} {here}{made} {task}{size}{room}, and {_gpus(offer)} is the cheapest that"
        f" holds it, {price}{limit}."
    )


def _impossible(task: str, workload: Workload, budget: float | None, near: Pick | None) -> str:
    asked = f"{task} with {workload.context:,} tokens" if workload.context else task
    limit = "" if budget is None else f" for at most ${budget:.2f}/h"
    if near is None:
        return f"No model for {asked} is known that an offer could hold{limit}."
    match = near.match
    if match.fits:
        price = (
            "a price nobody knows" if match.offer.price is None else f"${match.offer.price:.2f}/h"
        )
        where = f"{near.candidate.entry.id} on {_gpus(match.offer)} for {price}"
        return f"Nothing does {asked}{limit}; the closest is {where}."
    return (
        f"No GPU on offer holds a model for {asked}{limit}; {near.candidate.entry.id} on"
        f" {_gpus(match.offer)} comes closest: {match.because}."
    )
