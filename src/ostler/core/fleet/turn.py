"""One step in the making: the fleet as it becomes, and the actions so far.

A Turn lives within one call of `step`. It keeps the fleet's indexes true: whoever changes a
unit's state goes through `enter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ostler.core.fleet.actions import Action
from ostler.core.fleet.returning import used
from ostler.core.fleet.state import HOLDING, Fleet, State, Unit

GONE: Mapping[str, Any] = {
    "berth": "", "device": "", "busy": False, "served": False, "withdrawn": False,
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
        after = replace(unit, **changes)
        fleet = self.fleet
        self.fleet = replace(
            fleet, units=fleet.units.put(unit.id, after), holders=self._holders(unit, after)
        )
        return after

    def reroute(self, unit: Unit, **changes: Any) -> Unit:
        """Keep a unit with changes that decide whether it gets requests."""
        self.fleet = replace(self.fleet, edition=self.fleet.edition + 1)
        return self.put(unit, **changes)

    def enter(self, unit: Unit, state: State, **changes: Any) -> Unit:
        """Bring a unit into a state, and every index up to it."""
        if state not in HOLDING:
            changes = {**GONE, **changes}
            self.seating = self.seating or unit.state in HOLDING
        after = replace(unit, state=state, since=self.at, **changes)
        fleet = self.fleet
        self.fleet = replace(
            fleet,
            units=fleet.units.put(unit.id, after),
            holders=self._holders(unit, after),
            waiting=_in_line(fleet.waiting, after),
            edition=fleet.edition + 1,
        )
        return after

    def _holders(self, before: Unit, after: Unit) -> Mapping[str, Mapping[str, Unit]]:
        old = before.device if before.state in HOLDING else ""
        new = after.device if after.state in HOLDING else ""
        holders = self.fleet.holders
        if old and old != new:
            left = {id: unit for id, unit in holders[old].items() if id != before.id}
            holders = {**holders, old: left}
        if new:
            holders = {**holders, new: {**holders.get(new, {}), after.id: after}}
        return holders

    def use(self, unit: Unit, **changes: Any) -> Unit:
        """Keep a unit that was used just now."""
        return self.put(unit, usage=used(unit.usage, self.at), **changes)


def _in_line(waiting: tuple[str, ...], unit: Unit) -> tuple[str, ...]:
    if unit.state is State.WAITING:
        return waiting if unit.id in waiting else (*waiting, unit.id)
    return tuple(id for id in waiting if id != unit.id) if unit.id in waiting else waiting
