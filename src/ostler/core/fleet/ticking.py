"""What time alone brings: idle models end, pinned ones come back, nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

from ostler.core.fleet import pools
from ostler.core.fleet.actions import Withdraw
from ostler.core.fleet.events import Wished
from ostler.core.fleet.life import dismiss, raise_unit
from ostler.core.fleet.seating import refuse, waited_too_long
from ostler.core.fleet.state import State, Unit
from ostler.core.fleet.turn import Turn
from ostler.core.sizes import duration


def tick(turn: Turn) -> None:
    """Let go of what nobody uses or waits too long, close circuits, raise what is pinned."""
    for device in turn.fleet.holders:
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
        if unit.state is not State.READY:
            continue
        if unit.avoided_until and turn.at >= unit.avoided_until:
            unit = turn.reroute(unit, avoided_until=0.0)
        ttl = None if unit.busy else _ttl(turn, unit)
        if ttl is None or (last and unit.id == last.id):
            continue
        if turn.at - max(_last_use(unit), unit.since) >= ttl:
            turn.enter(unit, State.DRAINING, why=f"Nobody asked for it for {duration(ttl)}.")
            turn.do(Withdraw(unit.id))


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
    return unit.state is State.FAILED and unit.failures < most and turn.at >= unit.retry_at


def wished(turn: Turn, event: Wished) -> None:
    """Take other wishes: what is closed or no longer wished for ends, what is pinned comes."""
    before = turn.fleet
    turn.fleet = replace(
        before, wishes=event.wishes, berths=event.berths, edition=before.edition + 1
    )
    for device in turn.fleet.holders:
        for unit in turn.fleet.on(device):
            _follow(turn, unit)
    for model in event.wishes.preload:
        for id in turn.fleet.replicas(model):
            unit = turn.fleet.unit(id)
            if unit.dismissed and unit.state is State.STOPPED:
                turn.put(unit, dismissed=False)
    raise_pinned(turn)
    turn.seating = True


def _follow(turn: Turn, unit: Unit) -> None:
    rules = turn.fleet.rules(unit.model)
    if unit.berth not in turn.fleet.berths:
        turn.put(unit, berth=_new_berth(turn, unit))
    if rules.closed:
        dismiss(turn, turn.fleet.unit(unit.id), rules.closed)
    elif unit.id not in turn.fleet.replicas(unit.model):
        dismiss(turn, turn.fleet.unit(unit.id), "Fewer replicas are wished for.")


def _new_berth(turn: Turn, unit: Unit) -> str:
    """Where a unit counts once the devices are divided anew; it stays on its device."""
    mine = [berth for tier in pools.tiers(turn.fleet, unit) for berth in tier]
    every = [*mine, *turn.fleet.berths.values()]
    return next((berth.id for berth in every if berth.device == unit.device), "")
