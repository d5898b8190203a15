"""A fleet that is told one event after the other, for tests of single situations."""

from __future__ import annotations

from collections.abc import Mapping

from tests.core.fleet.world import GIB

from ostler.core import fleet as f
from ostler.core.fleet import pools

ROOM = {"cpu": 8 * GIB}
BOTH = {"gpu:0": 8 * GIB, "gpu:1": 8 * GIB}


class Story:
    """A fleet that is told one event after the other; `say` returns what follows from it."""

    def __init__(
        self,
        room: Mapping[str, int] = ROOM,
        *,
        shares: Mapping[str, pools.Share] | None = None,
        policy: f.Policy | None = None,
        **rules: f.Rules,
    ) -> None:
        berths, _ = pools.berths(room, shares or {})
        preload = tuple(model for model, one in rules.items() if one.pinned)
        wishes = f.Wishes(rules, preload, policy or f.Policy(residency=0.0))
        self.berths, self.wishes = berths, wishes
        self.fleet, self.at = f.Fleet(room, berths, wishes), 0.0

    def say(self, *events: f.Event) -> tuple[f.Action, ...]:
        done: tuple[f.Action, ...] = ()
        for event in events:
            self.at = max(self.at, event.at)
            self.fleet, done = f.step(self.fleet, event)
        return done

    def sized(self, unit: str, gib: float, reload: float = 3.0) -> tuple[f.Action, ...]:
        needs = int(gib * GIB)
        return self.say(f.Sized(unit, self.at, needs, tuple(self.fleet.room), reload))

    def up(self, unit: str, gib: float, *, used: bool = True) -> None:
        """Ask for a model and let everything go well."""
        if self.state(unit) is f.State.STOPPED:
            self.say(f.Asked(unit, self.at))
        self.sized(unit, gib)
        self.say(f.Ready(unit, self.at))
        if used:
            self.say(f.Busy(unit, self.at), f.Idle(unit, self.at))

    def gone(self, unit: str) -> tuple[f.Action, ...]:
        """Let a draining unit go its way to the end; return what followed."""
        self.say(f.Withdrawn(unit, self.at))
        return self.say(f.Ended(unit, self.at))

    def tick(self, seconds: float) -> tuple[f.Action, ...]:
        return self.say(f.Tick(self.at + seconds))

    def state(self, unit: str) -> f.State:
        return self.fleet.unit(unit).state
