"""`step(fleet, event) -> (fleet, actions)`: the only way in which the fleet changes."""

from __future__ import annotations

from ostler.core.fleet import events as e
from ostler.core.fleet import life, ticking
from ostler.core.fleet.actions import Action
from ostler.core.fleet.seating import seat_all
from ostler.core.fleet.state import Fleet
from ostler.core.fleet.turn import Turn


def step(fleet: Fleet, event: e.Event) -> tuple[Fleet, tuple[Action, ...]]:
    """Return the fleet after the event, and what must now be done, in order."""
    turn = Turn(fleet, event.at)
    _take(turn, event)
    if turn.seating and turn.fleet.waiting:
        seat_all(turn)
    if turn.fleet.edition != fleet.edition:
        ticking.raise_pinned(turn)
    return turn.fleet, tuple(turn.actions)


def _take(turn: Turn, event: e.Event) -> None:
    match event:
        case e.Asked():
            life.asked(turn, event)
        case e.Sized():
            life.sized(turn, event)
        case e.Ready():
            life.ready(turn, event)
        case e.Adopted():
            life.adopted(turn, event)
        case e.Failed():
            life.failed(turn, event)
        case e.Busy():
            life.busy(turn, event)
        case e.Idle():
            life.idle(turn, event)
        case e.Slept():
            life.slept(turn, event)
        case e.Withdrawn():
            life.withdrawn(turn, event)
        case e.Broken():
            life.broken(turn, event)
        case e.StopAsked():
            life.stop_asked(turn, event)
        case e.Ended():
            life.ended(turn, event)
        case e.Wished():
            ticking.wished(turn, event)
        case e.Tick():
            ticking.tick(turn)
