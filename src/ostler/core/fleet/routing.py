"""Which units of a model take requests, and what its state is to callers."""

from __future__ import annotations

from ostler.core.fleet.state import Fleet, State, Unit

# A model with several units is in the best state that one of them is in.
BEST_FIRST = (
    State.READY, State.WAKING, State.STARTING, State.ROUSED, State.WAITING, State.SIZING,
    State.DRAINING, State.DOZING, State.ASLEEP, State.STOPPING, State.FAILED, State.STOPPED,
)  # fmt: skip


def routable(fleet: Fleet, model: str) -> tuple[Unit, ...]:
    """Return the units that take requests; those whose circuit is open only if no other does."""
    ready = [unit for unit in fleet.all_units(model) if unit.state is State.READY]
    sound = [unit for unit in ready if not unit.avoided_until]
    return tuple(sound or ready)


def state_of(fleet: Fleet, model: str) -> State:
    """Return the model's state."""
    states = {unit.state for unit in fleet.all_units(model)}
    return next(state for state in BEST_FIRST if state in states)
