"""Looks at a ready engine, and when it counts as lost: a hang is told from slowness.

An engine that is silent and works (its processes use the processor) is slow and is left alone for
long. One that is silent and does nothing hangs. One that says itself, again and again, that it
cannot serve has lost its worker: vLLM stays up so when its engine core has died.
"""

from __future__ import annotations

from typing import NamedTuple

from ostler.core.sizes import duration

SICK = 20.0  # seconds in which every look was answered with an error of the server's
HUNG = 60.0  # seconds without an answer and without work; a swapped-out engine needs some
LOST = 900.0  # seconds without an answer, whatever it works: a GPU's kernel may spin for ever
WORK = 0.05  # seconds of the processor between two looks; less is what a system's tick may add


class Look(NamedTuple):
    """What one look found. Times are seconds on any steady clock.

    `status` is None where no answer came. `worked` are the processor's seconds that its processes
    have used in all; None where the system does not say.
    """

    at: float
    status: int | None
    worked: float | None = None


class Trouble(NamedTuple):
    """What has gone on since its last good answer."""

    silent: float | None  # since when no look was answered
    still: float | None  # since when it did no work beside that
    sick: float | None  # since when it says that it cannot serve
    worked: float | None  # at the last look


class Loss(NamedTuple):
    """Why an engine is given up: a sentence's end, and a stable word."""

    what: str
    cause: str


def looked(before: Trouble | None, look: Look) -> tuple[Trouble | None, Loss | None]:
    """Return the trouble after this look, None where all is well, and why it is given up."""
    if look.status is not None and look.status < 500:
        return None, None
    was = before or Trouble(None, None, None, None)
    if look.status is not None:
        sick = look.at if was.sick is None else was.sick
        return Trouble(None, None, sick, look.worked), _sick(look, sick)
    silent = look.at if was.silent is None else was.silent
    still = look.at if was.still is None or _worked(was.worked, look.worked) else was.still
    after = Trouble(silent, still, None, look.worked)
    return after, _silent(look, silent, still)


def _worked(before: float | None, now: float | None) -> bool:
    """Say whether it used the processor between two looks; unknown counts as work."""
    return before is None or now is None or now - before >= WORK


def _sick(look: Look, since: float) -> Loss | None:
    if look.at - since < SICK:
        return None
    said = f"It answers its health check with {look.status} for {duration(look.at - since)}."
    return Loss(f"{said} Its worker has most likely died.", "unhealthy")


def _silent(look: Look, silent: float, still: float) -> Loss | None:
    if look.at - still >= HUNG:
        gone = duration(look.at - silent)
        return Loss(f"It hangs: no answer for {gone}, and no work done meanwhile.", "hung")
    if look.at - silent >= LOST:
        gone = duration(look.at - silent)
        return Loss(f"It is lost: no answer for {gone}, whatever it works at.", "hung")
    return None
