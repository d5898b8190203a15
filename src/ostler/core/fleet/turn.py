"""One step in the making: the fleet as it becomes, and the actions so far.

A Turn lives within one call of `step`. It keeps the fleet's indexes true: whoever changes a
unit's state goes through `enter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostler.core.fleet.actions import Action
from ostler.core.fleet.decks import changed
from ostler.core.fleet.returning import used
from ostler.core.fleet.state import HOLDING, IN_LINE, Deck, Fleet, State, Unit

GONE: Mapping[str, Any] = {
    "places": (), "host": None, "asleep": False, "to_sleep": False, "busy": False, "kept": False,
    "served": False, "withdrawn": False, "until": None,
}  # fmt: skip


class Turn:
    """The working copy of one step."""

    __slots__ = ("actions", "at", "fleet", "seating")

    def __init__(self, fleet: Fleet, at: float) -> None:
        self.fleet, self.at = fleet, at
        self.actions: list[Action] = []
        self.seating = False  # who waits must be looked at before the step ends

    def do(self, action: Action) -> None:
        """Add an action."""
        self.actions.append(action)

    def put(self, unit: Unit, **changes: Any) -> Unit:
        """Keep a unit with changes that are not its state."""
        after = unit.but(changes)
        fleet = self.fleet
        decks = fleet.decks
        if unit.state in HOLDING:
            decks = changed(decks, unit, after, self.at)
        self.fleet = fleet._replace(units=fleet.units.put(unit.id, after), decks=decks)
        return after

    def reroute(self, unit: Unit, **changes: Any) -> Unit:
        """Keep a unit with changes that decide whether it gets requests."""
        self.fleet = self.fleet._replace(edition=self.fleet.edition + 1)
        return self.put(unit, **changes)

    def enter(self, unit: Unit, state: State, **changes: Any) -> Unit:
        """Bring a unit into a state, and every index up to it."""
        changes = {"failure": None, **changes}
        if state not in HOLDING:
            used_at = self.at if unit.busy else unit.used_at
            changes = {**GONE, "used_at": used_at, **changes}
            self.seating = self.seating or unit.state in HOLDING
        after = unit.but({"state": state, "since": self.at, **changes})
        fleet = self.fleet
        self.fleet = fleet._replace(
            units=fleet.units.put(unit.id, after),
            decks=changed(fleet.decks, unit, after, self.at),
            waiting=_in_line(fleet.waiting, after),
            edition=fleet.edition + 1,
        )
        return after

    def use(self, unit: Unit, **changes: Any) -> Unit:
        """Keep a unit that was used just now."""
        return self.put(unit, usage=used(unit.usage, self.at), **changes)

    def account(self, device: str, deck: Deck) -> None:
        """Keep what was found out about a device."""
        self.fleet = self.fleet._replace(decks={**self.fleet.decks, device: deck})


def _in_line(waiting: tuple[str, ...], unit: Unit) -> tuple[str, ...]:
    if unit.state in IN_LINE:
        return waiting if unit.id in waiting else (*waiting, unit.id)
    return tuple(id for id in waiting if id != unit.id) if unit.id in waiting else waiting
