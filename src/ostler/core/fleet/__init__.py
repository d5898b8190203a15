"""Which models run: `step(fleet, event) -> (fleet, actions)`, a function over data.

Time arrives inside the events, in seconds on any steady clock. Nothing here waits.
"""

from ostler.core.fleet.actions import Action, Refuse, Size, Start, Stop, Warn, Withdraw
from ostler.core.fleet.events import (
    Adopted,
    Asked,
    Broken,
    Busy,
    Ended,
    Event,
    Failed,
    Idle,
    Ready,
    Sized,
    StopAsked,
    Tick,
    Wished,
    Withdrawn,
)
from ostler.core.fleet.life import FIRST_BACKOFF, LONGEST_BACKOFF, PROVEN
from ostler.core.fleet.routing import routable, state_of
from ostler.core.fleet.state import (
    ALIVE,
    HOLDING,
    REPLICA,
    Berth,
    Fleet,
    Policy,
    Rules,
    State,
    Unit,
    Wishes,
    fleet_of,
)
from ostler.core.fleet.step import step
from ostler.core.fleet.thrashing import thrashes

__all__ = [
    "ALIVE",
    "FIRST_BACKOFF",
    "HOLDING",
    "LONGEST_BACKOFF",
    "PROVEN",
    "REPLICA",
    "Action",
    "Adopted",
    "Asked",
    "Berth",
    "Broken",
    "Busy",
    "Ended",
    "Event",
    "Failed",
    "Fleet",
    "Idle",
    "Policy",
    "Ready",
    "Refuse",
    "Rules",
    "Size",
    "Sized",
    "Start",
    "State",
    "Stop",
    "StopAsked",
    "Tick",
    "Unit",
    "Warn",
    "Wished",
    "Wishes",
    "Withdraw",
    "Withdrawn",
    "fleet_of",
    "routable",
    "state_of",
    "step",
    "thrashes",
]
