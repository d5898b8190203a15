"""How likely a model is to be asked for again: from how often, and how lately, it was."""

from __future__ import annotations

from math import exp2
from typing import NamedTuple

# Half-lives in seconds, and the weight of each in the guess. Found with `python -m bench fleet`:
# minutes catch a conversation, hours a working day's model, a week what is always popular.
SOON, HOURS, WEEK = 300.0, 7_200.0, 604_800.0
OF_SOON, OF_HOURS, OF_WEEK = 0.05 / SOON, 0.15 / HOURS, 0.8 / WEEK


class Usage(NamedTuple):
    """Uses counted three times, each count halving at its own pace since `last`.

    In the two slow counts the requests of one conversation count together as about one.
    """

    last: float
    soon: float = 1.0
    hours: float = 1.0
    week: float = 1.0


NEVER = Usage(0.0, 0.0, 0.0, 0.0)


def used(usage: Usage | None, at: float) -> Usage:
    """Return the counts with one more use."""
    if usage is None:
        return Usage(at)
    gone = max(at - usage.last, 0.0)
    close = exp2(-gone / SOON)  # 1: it belongs to the use before; 0: it is one of its own
    return Usage(
        at,
        usage.soon * close + 1.0,
        usage.hours * exp2(-gone / HOURS) + 1.0 - close,
        usage.week * exp2(-gone / WEEK) + 1.0 - close,
    )


def likelihood(usage: Usage, at: float) -> float:
    """Return the uses a second to be expected now; only their order among models matters."""
    last, soon, hours, week = usage
    gone = max(at - last, 0.0)
    return (
        OF_SOON * soon * exp2(-gone / SOON)
        + OF_HOURS * hours * exp2(-gone / HOURS)
        + OF_WEEK * week * exp2(-gone / WEEK)
    )
