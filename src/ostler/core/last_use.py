"""When a model was last used, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostler.core.sizes import duration

RUNS = ("ready", "draining", "dozing", "asleep")  # states of an engine that could have answered


def last_use(engine: Mapping[str, Any]) -> str:
    """Return when an engine's last request ended, from what `ostler ps --json` says of it.

    Empty where it is not up and nothing is known, `unknown` of one that an earlier server started.
    """
    seconds = engine["last_used_seconds"]
    if engine["busy"]:
        return "now"
    if seconds is not None:
        return f"{duration(seconds)} ago"
    if engine["state"] not in RUNS:
        return ""
    return "unknown" if engine["start_seconds"] is None else "not yet"
