"""What other applications keep, told apart by how their folders look."""

from __future__ import annotations

from pathlib import Path

from ostler.errors import FileNotInRepo
from ostler.store.adoption import clone, folder, hub_cache, ollama
from ostler.store.adoption.offers import Lying, Offer

__all__ = ["Lying", "Offer", "offers"]


def offers(place: Path) -> tuple[Offer, ...]:
    """Return the models that lie at a place; only names, sizes and notes are read.

    Raises FileNotInRepo where there is none, CorruptFile where an application's notes are damaged.
    """
    found = _offers(place) if place.exists() else ()
    models = tuple(one for one in found if one.files)
    if not models:
        raise FileNotInRepo(
            f"There is no model at {place}.",
            hint="Name a folder with weights, a Hugging Face cache, an Ollama store or a clone.",
        )
    return models


def _offers(place: Path) -> tuple[Offer, ...]:
    if clone.is_clone(place):
        return (clone.offer(place),)
    if ollama.is_store(place):
        return tuple(ollama.offers(place))
    return tuple(hub_cache.offers(place)) or tuple(folder.offers(place))
