"""Pools: which part of which device a model may go to, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ostler.core.fleet.state import Berth, Fleet, Unit

CATCHALL = "catchall"  # the pool of those that are not preloaded and name no pool


@dataclass(frozen=True, slots=True)
class Share:
    """What a pool takes of each of its devices: bytes, or a part of one, or all of it."""

    devices: tuple[str, ...]
    bytes: int | None = None
    part: float | None = None  # 0 to 1


def berths(
    room: Mapping[str, int], shares: Mapping[str, Share]
) -> tuple[dict[str, Berth], tuple[str, ...]]:
    """Divide the devices among the pools; also return why a pool gets less than it asks for.

    What no pool takes of a device is one more berth, whose pool has no name.
    """
    left, found, flaws = dict(room), {}, []
    for pool, share in shares.items():
        for device in share.devices:
            if device not in room:
                flaws.append(f"The pool {pool} names {device}, and this machine has {known(room)}.")
                continue
            wanted = _wanted(share, room[device])
            given = min(wanted, left[device])
            if given < wanted:
                flaws.append(f"The pool {pool} gets less of {device} than it asks for.")
            left[device] -= given
            id = f"{pool}@{device}"
            found[id] = Berth(id, device, given, pool)
    found |= {device: Berth(device, device, rest) for device, rest in left.items() if rest}
    return found, tuple(flaws)


def _wanted(share: Share, room: int) -> int:
    if share.bytes is not None:
        return share.bytes
    return room if share.part is None else int(room * share.part)


def known(room: Mapping[str, int]) -> str:
    """Return the devices' names as a text."""
    return ", ".join(room)


def tiers(fleet: Fleet, unit: Unit) -> tuple[tuple[Berth, ...], ...]:
    """Return the berths that the unit may go to, those to be tried first in the first tier.

    A model that names a pool goes there. A preloaded one goes where no pool is. Any other goes
    to the catch-all pool where there is one, and then, if the policy says so, where no pool is.
    One that sleeps wakes where it is.
    """
    if unit.asleep:
        return (tuple(fleet.berths[p.berth] for p in unit.places if p.berth in fleet.berths),)
    rules = fleet.rules(unit.model)
    has_catchall = any(berth.pool == CATCHALL for berth in fleet.berths.values())
    if rules.pool:
        order: tuple[str, ...] = (rules.pool,)
    elif rules.pinned or not has_catchall:
        order = ("",)
    else:
        order = (CATCHALL, "") if fleet.wishes.policy.spill else (CATCHALL,)
    return tuple(_on_its_devices(fleet, unit, pool) for pool in order)


def _on_its_devices(fleet: Fleet, unit: Unit, pool: str) -> tuple[Berth, ...]:
    found = {b.device: b for b in fleet.berths.values() if b.pool == pool}
    mine = [found[device] for device in unit.devices if device in found]
    if len(mine) == 1:
        return (mine[0],)
    others = (other for other in fleet.all_units(unit.model) if other.id != unit.id)
    siblings = {place.device for other in others for place in other.places}
    return tuple(sorted(mine, key=lambda berth: berth.device in siblings))
