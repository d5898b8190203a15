"""Whether what is to be fetched has room: on the disk, beside what runs, within the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ostler.core import budget, plans
from ostler.core.budget import Leaving, Room
from ostler.core.sizes import file_size
from ostler.errors import CorruptFile, DamagedModel, InsufficientDisk, OverBudget
from ostler.nouns import PullPlan
from ostler.store import Store


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pull may take. Bytes, bytes a second, seconds; None: no limit of the user's."""

    max_speed: int | None = None
    reserve: int | None = None
    budget: int | None = None
    full_wait: float = 0.0  # for room on a disk that becomes full all the same


def room(
    plan: PullPlan, store: Store, limits: Limits | None = None, own: str | None = None
) -> Room:
    """Return what the plan needs and what there is; `own` is the id of the plan's own download."""
    return room_for({plans.key(one.file): one.file.size for one in plan.fetch}, store, limits, own)


def room_for(
    contents: Mapping[str, int], store: Store, limits: Limits | None = None, own: str | None = None
) -> Room:
    """Return the same for contents by their keys."""
    limits = limits or Limits()
    free, total = store.disk()
    needed = sum(max(0, size - store.partials.size(key)) for key, size in contents.items())
    reserve, because = budget.reserve(total, limits.reserve)
    return Room(
        needed,
        free,
        reserve,
        because,
        claimed=_claimed(store, own, set(contents)),
        budget=limits.budget,
        used=store.used_bytes() if limits.budget is not None else 0,
    )


def _claimed(store: Store, own: str | None, ours: set[str]) -> int:
    """Return the bytes that other downloads which run now have still to write."""
    running = (one for one in store.downloads.all() if one.running and one.id != own)
    contents = {key: size for one in running for key, size in one.contents if key not in ours}
    return sum(
        max(0, size - store.partials.allocated(key))
        for key, size in contents.items()
        if not store.has_key(key)
    )


def _makes_room(going: Sequence[Leaving], store: Store) -> str:
    """Say what frees bytes: first what nobody would miss, else the model unused for longest."""
    from ostler.verbs import gc

    try:
        garbage = gc.plan(store, trash_days=0).bytes
    except (CorruptFile, DamagedModel):  # then nothing is to be swept before that is looked at
        garbage = 0
    if garbage:
        return f"`ostler gc --trash-days 0` frees {file_size(garbage)} that no model needs."
    if not going:
        return "No model here could make room."
    oldest = going[0]
    freed = file_size(oldest.freed)
    return f"`ostler rm {oldest.name} --purge` ({oldest.because}) frees {freed}."


def require(room: Room, store: Store) -> None:
    """Raise InsufficientDisk or OverBudget unless it fits, and say what could go first."""
    if room.fits:
        return
    going = budget.first_to_go(store.manifests(), room.lacking)
    hint = _makes_room(going, store)
    facts = {"needed": room.needed, "free": room.free, "reserve": room.reserve,
             "because": room.because, "claimed": room.claimed, "first_to_go": going}  # fmt: skip
    if not room.on_disk:
        others = f", {file_size(room.claimed)} are claimed by other downloads" * bool(room.claimed)
        raise InsufficientDisk(
            f"{file_size(room.needed)} are to be fetched, and {store.home} has "
            f"{file_size(room.free)} free, of which {file_size(room.reserve)} stay free{others}.",
            hint=f"{hint} Or set OSTLER_HOME to another disk.",
            **facts,
        )
    raise OverBudget(
        f"{file_size(room.needed)} are to be fetched; with the {file_size(room.used)} kept that is "
        f"more than the budget of {file_size(room.budget)}.",
        hint=f"{hint} Or raise OSTLER_BUDGET.",
        **facts,
        budget=room.budget,
        used=room.used,
    )
