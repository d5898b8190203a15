"""Each device's account: who holds how much of it, who loads, and who could be let go first.

It is carried on from unit to unit, so that a step need not look at all who run there.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ostler.core.fleet.eviction import floor
from ostler.core.fleet.state import BARE, HOLDING, LEAVING, LOADING, RUNNING, Deck, State, Unit


class Share(NamedTuple):
    """What a unit holds on one device."""

    device: str
    berth: str
    held: int
    going: int  # of these, the bytes that are free once it has done what it is about to do
    loading: bool


def shares(unit: Unit) -> Iterator[Share]:
    """Return what a unit holds, device by device."""
    if unit.state not in HOLDING:
        return
    held = unit.holds
    going, loading = _going(unit), unit.state in LOADING
    for place in unit.places:
        yield Share(place.device, place.berth, held, going, loading)
    if unit.host is not None and unit.nap is not None:
        leaves = unit.nap.kept if unit.state is State.STOPPING else 0
        yield Share(unit.host.device, unit.host.berth, unit.nap.kept, leaves, False)


def _going(unit: Unit) -> int:
    if unit.state not in LEAVING:
        return 0
    stays = unit.nap.left if unit.to_sleep and unit.nap else 0
    return unit.holds - stays


def changed(decks: Mapping[str, Deck], before: Unit, after: Unit, at: float) -> Mapping[str, Deck]:
    """Return the accounts once a unit is another than before."""
    if before.state in HOLDING and after.state in HOLDING and _same(before, after):
        return {**decks, **{one.device: _seen(decks[one.device], after) for one in shares(after)}}
    decks = dict(decks)
    for share in shares(before):
        decks[share.device] = _without(decks[share.device], before.id, share)
    for share in shares(after):
        decks[share.device] = _with(decks.get(share.device, BARE), after, share, at)
    return decks


def _same(before: Unit, after: Unit) -> bool:
    """Whether a unit holds, and will give back, the same as before."""
    return (
        before.state is after.state
        and before.places == after.places
        and before.host == after.host
        and before.to_sleep == after.to_sleep
    )


def _seen(deck: Deck, unit: Unit) -> Deck:
    return deck._replace(units={**deck.units, unit.id: unit})


def _without(deck: Deck, id: str, share: Share) -> Deck:
    units = {other: unit for other, unit in deck.units.items() if other != id}
    held, going = deck.berths[share.berth]
    berths = {**deck.berths, share.berth: (held - share.held, going - share.going)}
    order = tuple(one for one in deck.order if one[1] != id)
    return Deck(units, deck.held - share.held, deck.loads - share.loading, berths, order)


def _with(deck: Deck, unit: Unit, share: Share, at: float) -> Deck:
    units = {**deck.units, unit.id: unit}
    held, going = deck.berths.get(share.berth, (0, 0))
    berths = {**deck.berths, share.berth: (held + share.held, going + share.going)}
    order = deck.order
    if unit.state in RUNNING:
        order = _inserted(order, (floor(unit, share.device, at), unit.id))
    return Deck(units, deck.held + share.held, deck.loads + share.loading, berths, order)


def _inserted(
    order: tuple[tuple[float, str], ...], one: tuple[float, str]
) -> tuple[tuple[float, str], ...]:
    place = bisect_left(order, one)
    return (*order[:place], one, *order[place:])


def reordered(deck: Deck, looked_at: int, ranks: Mapping[str, float]) -> Deck:
    """Return the account once the first so many were looked at, and what that showed."""
    known = list(deck.order[looked_at:])
    for rank, id in deck.order[:looked_at]:
        insort(known, (ranks.get(id, rank), id))
    return deck._replace(order=tuple(known))
