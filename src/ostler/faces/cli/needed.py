"""What models need in memory, from what is kept here or known from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from ostler import data, wiring
from ostler.core.catalogue import Entry
from ostler.core.gpus import find
from ostler.core.needing import need
from ostler.core.pace import amount
from ostler.errors import OstlerError, UnknownModel, UsageError
from ostler.nouns import ModelFacts, Workload
from ostler.settings import Settings
from ostler.verbs import catalogue


def needs(settings: Settings, models: Iterable[str], context: int | None) -> dict[str, int | None]:
    """Return the bytes that each model needs on one GPU, margin included; None: not known."""
    shelf = catalogue.shelf(settings.home)
    return {model: _need(settings, shelf, model, context) for model in models}


def _need(
    settings: Settings, shelf: catalogue.Shelf, model: str, context: int | None
) -> int | None:
    entry = next((one for one in shelf.entries if model in one.names), Entry(model, model))
    try:
        facts = kept(settings, model) or catalogue.facts(entry)
        return need(entry, facts, Workload(context or entry.context))(1).required
    except UsageError:
        return None


def kept(settings: Settings, model: str) -> ModelFacts | None:
    """Return the facts of a model from its own files; None where it is not kept here."""
    from ostler.verbs.inspect import kept_facts

    try:
        named = wiring.named(settings, model)
    except (UnknownModel, UsageError):
        return None
    try:
        return kept_facts(wiring.store(settings), named.manifest, named.variant)
    except OstlerError:
        return None


def other_names(settings: Settings, model: str) -> tuple[str, ...]:
    """Return the names that a model has or had in the catalogue, such as before a renaming."""
    entries = catalogue.shelf(settings.home).entries
    return next((one.names for one in entries if model in one.names), ())


def room_of(said: str) -> int:
    """Return a GPU's usable bytes, by its name or as a size such as 48GB. Raises UsageError."""
    if said[:1].isdigit():
        found = amount(said, "--gpu")
        if found:
            return found
    return find(said, data.gpus()).usable_bytes
