"""A try to download is told of, however it ends."""

from __future__ import annotations

import pytest

from ostler.errors import HubUnreachable
from ostler.nouns import Attempt, Event
from ostler.verbs.history import downloading

Told = list[tuple[Attempt, Event]]


def test_one_that_succeeds() -> None:
    told: Told = []
    with downloading("org/a", lambda *both: told.append(both), "cli:x") as outcome:
        assert told == []
        outcome.fetched = 7
    ((attempt, event),) = told
    assert (attempt.model, attempt.outcome, attempt.bytes) == ("org/a", "done", 7)
    assert attempt.seconds is not None
    assert (event.act, event.subject, event.actor, event.outcome) == (
        "pull", "org/a", "cli:x", "done",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "how", "code"),
    [
        (HubUnreachable("No answer."), "failed", "hub_unreachable"),
        (KeyboardInterrupt(), "stopped", ""),
    ],
)
def test_one_that_does_not(error: BaseException, how: str, code: str) -> None:
    told: Told = []
    with (
        pytest.raises(type(error)),
        downloading("org/a", lambda *both: told.append(both), "cli:x"),
    ):
        raise error
    ((attempt, event),) = told
    assert (attempt.outcome, attempt.code, event.outcome) == (how, code, how)
    assert attempt.what


def test_a_bug_of_ours_is_no_attempt() -> None:
    told: Told = []
    with pytest.raises(KeyError), downloading("org/a", lambda *both: told.append(both), ""):
        raise KeyError
    assert told == []
