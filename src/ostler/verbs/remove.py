"""Remove a model, or one variant of it; contents that other models share stay."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from ostler.core import plans
from ostler.errors import InUse, QuantizationNotFound
from ostler.nouns import ModelRef, Removal
from ostler.store import Store


def plan(
    ref: ModelRef, store: Store, loaded: Collection[tuple[str, str]] = ()
) -> tuple[Removal, ...]:
    """Return what would go, one removal per kept commit: all of them without a revision.

    `loaded` names what a server has in memory: (commit, weight file). Raises InUse where one of
    these would go, UnknownModel, and QuantizationNotFound where no commit has the variant.
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
    _refuse_loaded(removals, loaded)
    return tuple(removals)


def _refuse_loaded(removals: list[Removal], loaded: Collection[tuple[str, str]]) -> None:
    for removal in removals:
        going = {(removal.manifest.commit, file.path) for file in removal.files}
        if going & set(loaded):
            name = removal.manifest.name
            raise InUse(
                f"{name} is loaded by the server that runs here.",
                hint=f"Stop it first (ostler stop {name}), or add --force.",
                model=name,
            )


def carry_out(
    removals: tuple[Removal, ...],
    store: Store,
    *,
    purge: bool = False,
    wishes: tuple[bytes, bytes] | None = None,
) -> int:
    """Do it; return the bytes freed, which are 0 as long as the trash holds them.

    `wishes` is what ostler.yaml said before and after, where it lost what it said of the models.
    Raises Busy while a pull runs in this home.
    """
    if not purge:  # noted first: a kill in between leaves the model both here and in the trash
        gone = tuple(replace(one.manifest, files=one.files) for one in removals)
        store.trash.put(gone, datetime.now(UTC), wishes)
    return sum(store.forget(removal) for removal in removals)
