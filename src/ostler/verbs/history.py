"""Write down what is done, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ostler.errors import OstlerError
from ostler.nouns import Attempt, Event

if TYPE_CHECKING:
    from ostler.records.records import Records


@dataclass
class Outcome:
    """What a download tells of itself while it is under way."""

    fetched: int | None = None  # bytes


@contextmanager
def downloading(model: str, open_records: Callable[[], Records], actor: str) -> Iterator[Outcome]:
    """Write down one try to download a model, however it ends; the refusal goes on its way.

    The records are opened at the end, so that a download does not wait for them.
    """
    began, outcome = time.monotonic(), Outcome()

    def keep(how: str, code: str = "", what: str = "") -> None:
        seconds = round(time.monotonic() - began, 3)
        records = open_records()
        try:
            records.attempts.add(
                Attempt(model, how, "", seconds, outcome.fetched, code=code, what=what)
            )
            facts: Mapping[str, object] = {"seconds": seconds, "bytes": outcome.fetched}
            records.events.add([Event("pull", model, actor, how, what, facts)])
        finally:
            records.close()

    try:
        yield outcome
    except OstlerError as error:
        keep("failed", error.code, error.what)
        raise
    except KeyboardInterrupt:
        keep("stopped", what="It was interrupted.")
        raise
    keep("done")
