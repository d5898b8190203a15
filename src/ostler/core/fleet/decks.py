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
    if before.state not in HOLDING and after.state not in HOLDING:
        return decks
    old = {one.device: one for one in shares(before)}
    new = {one.device: one for one in shares(after)}
    decks = dict(decks)
    for device in {**old, **new}:
        was, now = old.get(device), new.get(device)
        deck = decks.get(device, BARE)
        if was == now and before.state is after.state:
            decks[device] = Deck({**deck.units, after.id: after}, *deck[1:])
        else:
            decks[device] = _carried(deck, before, after, was, now, at)
    return decks


def _carried(
    deck: Deck, before: Unit, after: Unit, was: Share | None, now: Share | None, at: float
) -> Deck:
    """Return one device's account: a unit's share there was one, and now is another."""
    _, held, loads, berths, order = deck
    units = {**deck.units, after.id: after}
    berths = dict(berths)
    if was is not None:
        _add(berths, was, -1)
        held, loads = held - was.held, loads - was.loading
        if before.state in RUNNING:
            order = _removed(order, before.id)
    if now is None:
        del units[after.id]
        return Deck(units, held, loads, berths, order)
    _add(berths, now, 1)
    if after.state in RUNNING:
        order = _inserted(order, (floor(after, now.device, at), after.id))
    return Deck(units, held + now.held, loads + now.loading, berths, order)


def _add(berths: dict[str, tuple[int, int]], share: Share, times: int) -> None:
    held, going = berths.get(share.berth, (0, 0))
    berths[share.berth] = held + times * share.held, going + times * share.going


Order = tuple[tuple[float, str], ...]


def _removed(order: Order, id: str) -> Order:
    """Return the order without a unit; whoever leaves mostly stands at its beginning."""
    for place, one in enumerate(order):
        if one[1] == id:
            return order[:place] + order[place + 1 :]
    return order


def _inserted(order: Order, one: tuple[float, str]) -> Order:
    place = bisect_left(order, one)
    return (*order[:place], one, *order[place:])


def reordered(deck: Deck, looked_at: int, ranks: Mapping[str, float]) -> Deck:
    """Return the account once the first so many were looked at, and what that showed."""
    known = list(deck.order[looked_at:])
    for rank, id in deck.order[:looked_at]:
        insort(known, (ranks.get(id, rank), id))
    return deck._replace(order=tuple(known))
