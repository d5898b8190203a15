"""How commands write down what they did, and in whose name.

What has been done cannot be undone for want of a record: where the records cannot be written,
the command says so and ends as it would have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ostler import wiring
from ostler.errors import RecordsUnavailable, UsageError
from ostler.faces.cli import show
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.nouns import Attempt, Event, Manifest, Measurement
    from ostler.records.notes import Notes
    from ostler.records.records import Records
    from ostler.verbs.history import Outcome


def actor() -> str:
    """Return who runs this command, as the history names them: `cli:anna`."""
    import pwd

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"


@contextmanager
def downloading(settings: Settings, model: str, *, anything: bool) -> Iterator[Outcome]:
    """Write down one try to download a model, however it ends; not where nothing is to fetch."""
    from ostler.verbs import history

    def keep(attempt: Attempt, event: Event) -> None:
        if anything:
            _note(settings, lambda notes: notes.downloaded(attempt, event))

    with history.downloading(model, keep, actor()) as outcome:
        yield outcome


@contextmanager
def planning(settings: Settings, model: str) -> Iterator[None]:
    """Write down a try to download that is refused before its first byte; a wrong word is none."""
    from ostler.verbs import history

    def keep(attempt: Attempt, event: Event) -> None:
        if attempt.outcome == "failed" and attempt.code != UsageError.code:
            _note(settings, lambda notes: notes.downloaded(attempt, event))

    with history.downloading(model, keep, actor()):
        yield


def did(settings: Settings, act: str, subject: str, why: str = "", **facts: object) -> None:
    """Write down one act that has been done."""
    from ostler.nouns import Event

    event = Event(act, subject, actor(), why=why, facts=facts)
    _note(settings, lambda notes: notes.happened([event]))


def did_to(settings: Settings, act: str, models: Iterable[Manifest], **facts: object) -> None:
    """Write down an act that has been done to each of these models."""
    from ostler.nouns import Event

    who = actor()
    events = [Event(act, one.name, who, facts={"commit": one.commit, **facts}) for one in models]
    if events:
        _note(settings, lambda notes: notes.happened(events))


def measured(settings: Settings, found: Sequence[Measurement]) -> None:
    """Keep what a start took."""
    with _or_say_so(), closing(wiring.records(settings)) as records:
        records.measurements.add(found)


def _note(settings: Settings, act: Callable[[Notes | Records], object]) -> None:
    with _or_say_so(), closing(wiring.notes(settings)) as notes:
        act(notes)


@contextmanager
def _or_say_so() -> Iterator[None]:
    try:
        yield
    except RecordsUnavailable as error:
        show.note(f"Not written down: {error.what}")
