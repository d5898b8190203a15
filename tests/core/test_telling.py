"""What is told of a fleet that changes."""

from __future__ import annotations

import pytest

from ostler.core.telling import Seen, told


@pytest.mark.parametrize(
    ("was", "now", "act", "outcome"),
    [
        (Seen("starting"), Seen("ready"), "load", "done"),
        (Seen("starting"), Seen("failed", "no memory"), "fail", "failed"),
        (Seen("ready"), Seen("failed", "it died"), "fail", "failed"),
        (Seen("ready"), Seen("draining", "idle"), "unload", "done"),
        (Seen("ready"), Seen("stopping", "stopped"), "unload", "done"),
        (Seen("ready"), Seen("draining", "made room", True), "evict", "done"),
        (Seen("starting"), Seen("stopping", "stopped"), "unload", "done"),
    ],
)
def test_each_change_worth_telling(was: Seen, now: Seen, act: str, outcome: str) -> None:
    (event,) = told({"org/a": was}, {"org/a": now})
    assert (event.act, event.subject, event.outcome, event.why) == (act, "org/a", outcome, now.why)
    assert event.actor == "keeper"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("stopped", "sizing"),
        ("sizing", "starting"),
        ("draining", "stopping"),
        ("stopping", "stopped"),
        ("ready", "ready"),
        ("sizing", "stopped"),
    ],
)
def test_what_is_not_told(was: str, now: str) -> None:
    assert told({"org/a": Seen(was)}, {"org/a": Seen(now)}) == ()


def test_who_asked_is_named_and_a_new_model_was_stopped_before() -> None:
    asked = {"org/a": "key:anna"}
    (event,) = told({}, {"org/a": Seen("ready", device="cpu", bytes=7)}, asked)
    assert (event.actor, event.facts) == ("key:anna", {"device": "cpu", "bytes": 7})
    lost = Seen("failed", "no memory", code="engine_failed")
    (event,) = told({}, {"org/a": lost}, asked)
    assert event.facts == {"code": "engine_failed"}
    assert event.actor == "keeper", "nobody asks for a failure"
