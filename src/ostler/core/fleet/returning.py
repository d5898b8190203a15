"""How likely a model is to be asked for again: from how often, and how lately, it was."""

from __future__ import annotations

from math import exp2
from typing import NamedTuple

# Half-lives in seconds, and the weight of each in the guess. Found with `python -m bench fleet`:
# minutes catch a conversation, hours a working day's model, a day what is always popular.
SOON, HOURS, DAY = 300.0, 7_200.0, 86_400.0
OF_SOON, OF_HOURS, OF_DAY = 0.1 / SOON, 0.4 / HOURS, 0.5 / DAY


class Usage(NamedTuple):
    """Uses counted three times, each count halving at its own pace since `last`."""

    last: float
    soon: float = 1.0
    hours: float = 1.0
    day: float = 1.0


NEVER = Usage(0.0, 0.0, 0.0, 0.0)


def used(usage: Usage | None, at: float) -> Usage:
    """Return the counts with one more use."""
    if usage is None:
        return Usage(at)
    gone = max(at - usage.last, 0.0)
    return Usage(
        at,
        usage.soon * exp2(-gone / SOON) + 1.0,
        usage.hours * exp2(-gone / HOURS) + 1.0,
        usage.day * exp2(-gone / DAY) + 1.0,
    )


def likelihood(usage: Usage, at: float) -> float:
    """Return the uses a second to be expected now; only their order among models matters."""
    last, soon, hours, day = usage
    gone = max(at - last, 0.0)
    return (
        OF_SOON * soon * exp2(-gone / SOON)
        + OF_HOURS * hours * exp2(-gone / HOURS)
        + OF_DAY * day * exp2(-gone / DAY)
    )
