"""What time alone brings: idle models end, pinned ones come back, nobody waits for ever."""

from __future__ import annotations

from ostler.core.fleet import pools
from ostler.core.fleet.actions import Stop, Withdraw
from ostler.core.fleet.events import Wished
from ostler.core.fleet.life import dismiss, raise_unit
from ostler.core.fleet.refusals import refuse, waited_too_long
from ostler.core.fleet.state import RUNNING, Place, State, Unit
from ostler.core.fleet.turn import Turn
from ostler.core.sizes import duration


def tick(turn: Turn) -> None:
    """Let go of what nobody uses or waits too long, close circuits, raise what is pinned."""
    for device in turn.fleet.decks:
        _end_idle(turn, device)
    for id in turn.fleet.waiting:
        unit = turn.fleet.units[id]
        if turn.at - unit.since >= turn.fleet.wishes.policy.patience:
            refuse(turn, unit, waited_too_long(turn.fleet, unit))
    raise_pinned(turn)
    turn.seating = True


def _end_idle(turn: Turn, device: str) -> None:
    units = turn.fleet.on(device)
    policy = turn.fleet.wishes.policy
    last = max(units, key=_last_use) if policy.keep_last and units else None
    for unit in units:
        if unit.state not in RUNNING or turn.fleet.units[unit.id] is not unit:
            continue  # a unit on several devices was looked at on its first
        if unit.until is not None and turn.at >= unit.until:
            _end_lease(turn, unit)
            continue
        if unit.avoided_until and turn.at >= unit.avoided_until:
            unit = turn.reroute(unit, avoided_until=0.0)
        ttl = None if unit.busy else _ttl(turn, unit)
        if ttl is None or (last and unit.id == last.id):
            continue
        if turn.at - max(_last_use(unit), unit.since) >= ttl:
            _end(turn, unit, f"Nobody asked for it for {duration(ttl)}.")


def _end(turn: Turn, unit: Unit, why: str) -> None:
    if unit.state is State.ASLEEP:
        turn.enter(unit, State.STOPPING, why=why)
        turn.do(Stop(unit.id))
    else:
        turn.enter(unit, State.DRAINING, why=why)
        turn.do(Withdraw(unit.id))


def _end_lease(turn: Turn, unit: Unit) -> None:
    """Its time is over, whether it is busy, pinned or neither; its replicas go with it."""
    why = f"It was loaded for {duration(unit.lease or 0.0)}, and these are over."
    for one in turn.fleet.all_units(unit.model):
        dismiss(turn, one, why)


def _ttl(turn: Turn, unit: Unit) -> float | None:
    rules = turn.fleet.rules(unit.model)
    if rules.pinned:
        return None
    return turn.fleet.wishes.policy.ttl if rules.ttl is None else rules.ttl


def _last_use(unit: Unit) -> float:
    return unit.usage.last if unit.usage else unit.since


def raise_pinned(turn: Turn) -> None:
    """Raise the preloaded models, one after the other in their order."""
    for model in turn.fleet.wishes.preload:
        if turn.fleet.rules(model).closed:
            continue
        for id in turn.fleet.replicas(model):
            unit = turn.fleet.unit(id)
            if unit.state in (State.SIZING, State.WAITING):
                return  # the next one only when this one has its room
            if unit.state is State.STOPPED and not unit.dismissed:
                raise_unit(turn, unit)
                return
            if _recovers(turn, unit):
                raise_unit(turn, unit)


def _recovers(turn: Turn, unit: Unit) -> bool:
    most = turn.fleet.wishes.policy.restarts
    may = unit.failure is not None and not unit.failure.lasting
    return may and unit.failures < most and turn.at >= unit.retry_at


def wished(turn: Turn, event: Wished) -> None:
    """Take other wishes: what is closed or no longer wished for ends, what is pinned comes."""
    before = turn.fleet
    turn.fleet = before._replace(
        wishes=event.wishes, berths=event.berths, edition=before.edition + 1
    )
    for device in turn.fleet.decks:
        for unit in turn.fleet.on(device):
            _follow(turn, unit)
    for model in event.wishes.preload:
        for id in turn.fleet.replicas(model):
            unit = turn.fleet.unit(id)
            if unit.dismissed and unit.state is State.STOPPED:
                turn.put(unit, dismissed=False)
            elif unit.failure and unit.failure.lasting:
                turn.enter(unit, State.STOPPED, failures=0)  # other wishes may have mended it
    raise_pinned(turn)
    turn.seating = True


def _follow(turn: Turn, unit: Unit) -> None:
    unit = turn.fleet.unit(unit.id)  # as it is now: it may hold several devices
    rules, berths = turn.fleet.rules(unit.model), turn.fleet.berths
    every = unit.places if unit.host is None else (*unit.places, unit.host)
    if any(place.berth not in berths for place in every):
        host = unit.host and _new_place(turn, unit, unit.host)
        places = tuple(_new_place(turn, unit, place) for place in unit.places)
        unit = turn.put(unit, places=places, host=host)
    if rules.closed:
        dismiss(turn, unit, rules.closed)
    elif unit.id not in turn.fleet.replicas(unit.model):
        dismiss(turn, unit, "Fewer replicas are wished for.")


def _new_place(turn: Turn, unit: Unit, place: Place) -> Place:
    """Where a unit counts once the devices are divided anew; it stays on its device."""
    if place.berth in turn.fleet.berths:
        return place
    awake = unit._replace(asleep=False)  # one that sleeps names its old berths
    mine = [berth for tier in pools.tiers(turn.fleet, awake) for berth in tier]
    every = [*mine, *turn.fleet.berths.values()]
    found = (berth.id for berth in every if berth.device == place.device)
    return Place(place.device, next(found, ""))
