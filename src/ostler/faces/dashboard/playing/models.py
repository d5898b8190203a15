"""The models that can be asked, and what is to be said of one that is not loaded; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.core.sizes import duration
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.tree import Tag, h

COMING = ("sizing", "starting", "loading", "waking")
LEAVING = ("draining", "stopping")


@dataclass(frozen=True, slots=True)
class Asked:
    """A model as `/v1/models` lists it."""

    id: str
    state: str
    task: str
    eta: float | None = None  # seconds until it is ready, while it comes
    aliases: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """Its state in a word."""
        return "not loaded" if self.state == "stopped" else self.state


def listed(said: Mapping[str, Any], task: str) -> list[Asked]:
    """Return the models for a task, those that are ready first."""
    found = [
        Asked(
            id=one["id"],
            state=one["state"],
            task=one.get("task") or "chat",
            eta=one.get("eta_seconds"),
            aliases=tuple(one.get("aliases", ())),
        )
        for one in said["data"]
    ]
    fitting = [one for one in found if one.task == task]
    return sorted(fitting, key=lambda one: (one.state != "ready", one.id))


def chosen(models: Sequence[Asked], wanted: str) -> Asked | None:
    """Return the model that is wanted, else the first; None where there is none."""
    return found(models, wanted) or (models[0] if models else None)


def found(models: Iterable[Asked], name: str) -> Asked | None:
    """Return the model that a name means, None where it is gone."""
    return next((one for one in models if name == one.id or name in one.aliases), None)


def said_of(model: Asked | None) -> str:
    """Say what a message to the model leads to, where that is not an answer at once."""
    if model is None:
        return "This model is no longer here."
    if model.state == "stopped":
        return "It is not loaded: the first message loads it."
    if model.state in COMING:
        return f"It is being loaded{_left(model.eta)}."
    if model.state in LEAVING:
        return "It is being unloaded: the next message loads it again."
    if model.state == "failed":
        return "It failed to load: Deployments says why. A message tries again."
    return ""


def waiting_for(model: Asked | None) -> str:
    """Say what an answer that has no word yet waits for."""
    if model is not None and model.state in COMING:
        return f"The model is being loaded{_left(model.eta)}"
    if model is not None and model.state == "stopped":
        return "The model waits for room, or to be loaded"
    return "Waiting for the first word"


def _left(eta: float | None) -> str:
    if eta is None:
        return ""
    return f": about {duration(round(eta))} left" if eta > 1 else ": nearly there"


NOUNS = {"chat": "chat model", "embed": "embedding model", "rerank": "reranker"}


def none(kind: str, operates: bool) -> Tag:
    """Say that there is no model to ask, and what to do about it."""
    if not operates:
        return panels.empty(
            f"Your key may ask no {NOUNS[kind]}",
            "Either none is kept here, or the key is not for it. An operator can say, and help.",
        )
    return panels.empty(
        f"No {NOUNS[kind]} is kept here",
        "Models shows what is kept here and finds more; a pull is one command too.",
        command="ostler pull ORG/NAME",
        button=h("a.button", "To the models", href="/dashboard/models"),
    )
