"""Write down what is done, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ostler.errors import OstlerError
from ostler.nouns import Attempt, Event

Keep = Callable[[Attempt, Event], None]


@dataclass
class Outcome:
    """What a download tells of itself while it is under way."""

    fetched: int | None = None  # bytes


@contextmanager
def downloading(model: str, keep: Keep, actor: str) -> Iterator[Outcome]:
    """Tell of one try to download a model when it has ended, and how; a refusal goes on its way."""
    began, outcome = time.monotonic(), Outcome()

    def ended(how: str, code: str = "", what: str = "") -> None:
        seconds = round(time.monotonic() - began, 3)
        facts = {"seconds": seconds, "bytes": outcome.fetched}
        keep(
            Attempt(model, how, "", seconds, outcome.fetched, code, what),
            Event("pull", model, actor, how, what, facts),
        )

    try:
        yield outcome
    except OstlerError as error:
        ended("failed", error.code, error.what)
        raise
    except KeyboardInterrupt:
        ended("stopped", what="It was interrupted.")
        raise
    ended("done")
