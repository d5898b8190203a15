"""Those who give way for one that waits: who may, who does, and how each of them goes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence

from ostler.core.fleet.actions import Stop, Withdraw
from ostler.core.fleet.decks import reordered
from ostler.core.fleet.eviction import (
    SLACK,
    Candidate,
    Choice,
    Ranking,
    cheapest,
    first,
    longest_unused,
    weigh,
)
from ostler.core.fleet.returning import SOON
from ostler.core.fleet.state import LRU, Fleet, Place, State, Unit
from ostler.core.fleet.turn import Turn

UNSERVED = 1.0  # seconds that a ready unit is left for the requests that it was started for


def make_room(
    turn: Turn, unit: Unit, short: Mapping[str, tuple[str, int]], count: int, busy: bool
) -> tuple[str, ...]:
    """Let the cheapest go that make room on so many devices; return these, or none of them.

    `short` is, by device, the berth in question and the bytes that lack there.
    """
    choices: dict[str, Choice] = {}
    best: list[tuple[float, int, str]] = []  # (cost, place among the devices, device), in order
    for least, place, device in _by_least_cost(turn, short):
        if len(best) >= count and least > best[count - 1][0]:
            break  # on all that are left it costs more
        found = choose(turn, device, *short[device], busy)
        if found is not None:
            choices[device] = found
            insort(best, (found.cost, place, device))
    if len(best) < count:
        return ()
    devices = tuple(device for _, _, device in best[:count])
    for one in _together(turn.fleet, devices, choices, short):
        let_go(turn, turn.fleet.units[one.id], unit, one.sleeps)
    return devices


def _by_least_cost(
    turn: Turn, short: Mapping[str, tuple[str, int]]
) -> list[tuple[float, int, str]]:
    """Return (what it costs at the very least, place, device), the lowest first."""
    found = []
    for place, (device, (_, shortage)) in enumerate(short.items()):
        order, least = turn.fleet.deck(device).order, 0.0
        if order and shortage > 0 and turn.fleet.wishes.policy.eviction != LRU:
            least = shortage * 2 ** (order[0][0] - turn.at / SOON - SLACK)
        if order or shortage <= 0:
            found.append((least, place, device))
    return sorted(found)


def choose(turn: Turn, device: str, berth: str, shortage: int, busy: bool) -> Choice | None:
    """Return who would leave a berth to free so many bytes; None: too few may go."""
    for naps in (True, False):  # who sleeps keeps a part: it may take that all of it goes
        found = _chosen(turn, device, berth, shortage, busy, naps)
        if found is not None:
            return found
    return None


def _chosen(
    turn: Turn, device: str, berth: str, shortage: int, busy: bool, naps: bool
) -> Choice | None:
    fleet, deck, at = turn.fleet, turn.fleet.deck(device), turn.at

    units, everywhere = deck.units, len(deck.berths) == 1

    def may_go(id: str) -> Candidate | None:
        unit = units[id]
        if not may_leave(fleet, unit, at, busy) or not (everywhere or _is_in(unit, device, berth)):
            return None
        sleeps = naps and unit.nap is not None and can_sleep(fleet, unit)
        return weigh(unit, device, at, sleeps)

    if fleet.wishes.policy.eviction == LRU:
        able = ((deck.units[id], may_go(id)) for _, id in deck.order)
        return first(longest_unused((unit, one) for unit, one in able if one), shortage)
    ranking = Ranking(deck.order, may_go, at)
    found = cheapest(ranking, shortage, ranking.cut)
    if ranking.looked_at > FEW:
        turn.account(device, reordered(deck, ranking.looked_at, ranking.ranks()))
    return found


def _is_in(unit: Unit, device: str, berth: str) -> bool:
    here = (device, berth)
    return here in unit.places or here == unit.host


def may_leave(fleet: Fleet, unit: Unit, at: float, busy: bool) -> bool:
    """Say whether a unit may be let go now: neither pinned nor just come, nor busy but as asked."""
    if fleet.wishes.rules and fleet.rules(unit.model).pinned:
        return False
    if unit.asleep:
        return True
    if unit.busy and (unit.kept or not busy):
        return False
    stayed = at - unit.since
    if stayed < UNSERVED and not unit.served:
        return False
    return stayed >= min(unit.reload_seconds, fleet.wishes.policy.residency)


def _together(
    fleet: Fleet,
    devices: Sequence[str],
    choices: Mapping[str, Choice],
    short: Mapping[str, tuple[str, int]],
) -> Sequence[Candidate]:
    """Return who goes from all of these devices; who holds several of them is counted on each."""
    if len(devices) == 1:
        return choices[devices[0]].units
    every = {one.id: one for device in devices for one in choices[device].units}
    for one in sorted(every.values(), key=lambda one: (-one.cost, one.id)):
        without = {id: other for id, other in every.items() if id != one.id}
        if all(_frees(fleet, without, device) >= short[device][1] for device in devices):
            every = without
    return tuple(every.values())


def _frees(fleet: Fleet, going: Mapping[str, Candidate], device: str) -> int:
    """Bytes of a device that these leave."""
    found = 0
    for id, one in going.items():
        unit = fleet.units[id]
        if any(place.device == device for place in unit.places):
            found += unit.needs - unit.nap.left if one.sleeps and unit.nap else unit.holds
        elif unit.host and unit.nap and unit.host.device == device:
            found += unit.nap.kept
    return found


def let_go(turn: Turn, unit: Unit, newcomer: Unit, sleeps: bool) -> None:
    """Let a unit take no new requests; when it has finished those it has, it goes.

    It sleeps if it was to and the host has room for what it keeps there; else it ends.
    """
    why = f"It made room for {newcomer.model}."
    if unit.state is State.ASLEEP:
        turn.enter(unit, State.STOPPING, why=why, evicted_at=turn.at)
        turn.do(Stop(unit.id))
        return
    sleeps = sleeps and can_sleep(turn.fleet, unit)
    host = host_of(turn.fleet, unit) if sleeps else None
    turn.enter(unit, State.DRAINING, why=why, evicted_at=turn.at, to_sleep=sleeps, host=host)
    turn.do(Withdraw(unit.id))


def can_sleep(fleet: Fleet, unit: Unit) -> bool:
    """Say whether a unit's engine can sleep, and there is room for what it keeps meanwhile."""
    nap = unit.nap
    if nap is None or unit.needs <= nap.left:
        return False
    return nap.kept == 0 or host_of(fleet, unit) is not None


FEW = 8  # units that are weighed anew each time rather than put into another order
HOST = "cpu"  # the device whose memory is the machine's own


def host_of(fleet: Fleet, unit: Unit) -> Place | None:
    """Return where on the host a sleeping unit's weights have room; None: nowhere."""
    nap = unit.nap
    if nap is None or nap.kept == 0 or any(place.device == HOST for place in unit.places):
        return None
    deck = fleet.deck(HOST)
    if fleet.room.get(HOST, 0) - deck.held < nap.kept:
        return None
    for berth in fleet.berths.values():
        if berth.device == HOST and berth.room - deck.berths.get(berth.id, (0, 0))[0] >= nap.kept:
            return Place(HOST, berth.id)
    return None
