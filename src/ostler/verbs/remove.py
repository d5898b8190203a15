"""Remove a model, or one variant of it; contents that other models share stay."""

from __future__ import annotations

from ostler.core import plans
from ostler.errors import QuantizationNotFound
from ostler.nouns import ModelRef, Removal
from ostler.store import Store


def plan(ref: ModelRef, store: Store) -> tuple[Removal, ...]:
    """Return what would go, one removal per kept commit: all of them without a revision.

    Raises UnknownModel, and QuantizationNotFound where no commit has the variant.
    """
    others = store.manifests()
    removals = []
    absent: QuantizationNotFound | None = None
    for manifest in store.matching(ref):
        try:
            removal = plans.removal(manifest, ref.variant, others)
        except QuantizationNotFound as error:
            absent = error
            continue
        removals.append(removal)
        # what this one frees is no longer shared with it when the next is looked at
        others = [one for one in others if one != manifest]
        others += [removal.remaining] if removal.remaining else []
    if absent and not removals:
        raise absent
    return tuple(removals)


def carry_out(removals: tuple[Removal, ...], store: Store) -> int:
    """Do it; return the bytes freed. Raises Busy while a pull runs in this home."""
    return sum(store.forget(removal) for removal in removals)
