"""What is worth telling of a fleet that has changed: loads, unloads, evictions, failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ostler.nouns import Event

LEAVING = ("draining", "stopping", "stopped")


class Seen(NamedTuple):
    """One engine's life as it was at one moment. `state` is a State's value."""

    state: str
    why: str = ""
    evicted: bool = False
    device: str = ""
    bytes: int = 0
    code: str = ""  # of the error that it failed with


def told(
    before: Mapping[str, Seen], after: Mapping[str, Seen], asked: Mapping[str, str] | None = None
) -> tuple[Event, ...]:
    """Return what happened between two moments. `asked` says who asked for a model's change."""
    events = []
    for model, now in after.items():
        was = before.get(model, Seen("stopped"))
        if was.state != now.state:
            event = _between(model, was, now, (asked or {}).get(model, "keeper"))
            if event:
                events.append(event)
    return tuple(events)


def _between(model: str, was: Seen, now: Seen, actor: str) -> Event | None:
    if now.state == "ready":
        facts = {"device": now.device, "bytes": now.bytes}
        return Event("load", model, actor, facts=facts)
    if now.state == "failed":
        return Event("fail", model, "keeper", "failed", now.why, facts={"code": now.code})
    if was.state in ("ready", "starting") and now.state in LEAVING:
        act = "evict" if now.evicted else "unload"
        return Event(act, model, actor, why=now.why, facts={"device": was.device})
    return None
