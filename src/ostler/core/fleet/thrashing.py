"""When models push each other out again and again, the operator is told."""

from __future__ import annotations

from ostler.core.fleet.actions import Warn
from ostler.core.fleet.state import Fleet, Unit
from ostler.core.fleet.turn import Turn
from ostler.core.sizes import duration

WINDOW = 600.0  # seconds that are looked back on
TOO_OFTEN = 6  # models that came back within the window
SOON = 120.0  # seconds after its eviction within which a model's return counts


def notice(turn: Turn, unit: Unit) -> None:
    """Count a model that is asked for soon after it was evicted; warn when it gets too often."""
    if unit.evicted_at is None or turn.at - unit.evicted_at > SOON:
        return
    before = thrashes(turn.fleet, turn.at)
    returns = (*turn.fleet.returns, turn.at)[-TOO_OFTEN:]
    turn.fleet = turn.fleet._replace(returns=returns)
    turn.put(turn.fleet.unit(unit.id), evicted_at=None)
    if thrashes(turn.fleet, turn.at) and not before:
        turn.do(Warn("thrashing", what()))


def thrashes(fleet: Fleet, at: float) -> bool:
    """Say whether models push each other out at this time."""
    return sum(at - when <= WINDOW for when in fleet.returns) >= TOO_OFTEN


def what() -> str:
    """The warning, with what helps."""
    return (
        f"Models push each other out: {TOO_OFTEN} came back within {duration(SOON)} of their "
        f"eviction, in the last {duration(WINDOW)}. Give the catch-all pool more room, preload "
        "fewer models, or take smaller quantizations or contexts."
    )
