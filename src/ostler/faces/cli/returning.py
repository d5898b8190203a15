"""What comes back with a model that is brought back: what ostler.yaml said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ostler.core import editing
from ostler.errors import OstlerError
from ostler.faces.server import wishes as w
from ostler.settings import Settings
from ostler.store import durable
from ostler.store.locks import hold
from ostler.store.trash import Thrown
from ostler.verbs import editing as files


@dataclass(frozen=True, slots=True)
class Return:
    """What ostler.yaml would say again."""

    change: files.Change | None = None
    notes: tuple[str, ...] = ()  # what is left as it is, and why

    @property
    def changes(self) -> bool:
        return self.change is not None and self.change.changes

    @property
    def said(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        there = self.change if self.change and self.change.changes else None
        return {
            "changed": [str(there.path)] if there else [],
            "diff": there.diff if there else "",
            "notes": list(self.notes),
        }


def plan(settings: Settings, entry: Thrown) -> Return:
    """Return what the removal took out of ostler.yaml, put into it as it is now."""
    if entry.wishes is None:
        return Return()
    path = settings.home / w.FILE
    before, after = (content.decode("utf-8", "replace") for content in entry.wishes)
    try:
        gone = taken(editing.read(before, str(path)), editing.read(after, str(path)))
    except OstlerError as error:
        return Return(notes=(f"What ostler.yaml said of it cannot be read: {error.what}",))
    held: list[str] = []

    def back(said: Any) -> Any:
        wanted, stays = rejoined(said, gone)
        w.checked(wanted, path)
        held.extend(stays)
        return wanted

    try:
        change = files.plan(path, back, new=True)
    except OstlerError as error:
        return Return(notes=(by_hand(error, gone),))
    notes = tuple(f"ostler.yaml names {name} again; what it says there stays." for name in held)
    return Return(_with_comments(change, before, after), notes)


def carry_out(found: Return) -> Return:
    """Write it; where that cannot be done the model is back all the same, and a note says so."""
    change = found.change
    if change is None or not change.changes or change.after is None:
        return found
    try:
        with hold(change.path.with_name(f".{w.FILE}.lock")):
            if change.before is None:
                durable.write(change.path, change.after)  # for its owner alone
            else:
                files.carry_out(change, copy=False)
    except OstlerError as error:
        note = f"ostler.yaml stays as it is: {error.what} It would have been:\n{change.diff}"
        return Return(notes=(*found.notes, note))
    return found


def taken(before: Any, after: Any) -> dict[str, Any]:
    """Return what a removal took out: wishes by the model's name, and places in the preload."""
    was, is_ = (one if isinstance(one, dict) else {} for one in (before, after))
    models, left = was.get("models") or {}, is_.get("models") or {}
    stay = is_.get("preload") or []
    return {
        "models": {name: said for name, said in models.items() if name not in left},
        "preload": [
            (place, name) for place, name in enumerate(was.get("preload") or []) if name not in stay
        ],
    }


def rejoined(held: Any, gone: Mapping[str, Any]) -> tuple[Any, Sequence[str]]:
    """Return the wishes with what was taken out, and the names that they have again already."""
    said = dict(held) if isinstance(held, dict) else {}
    models = dict(said.get("models") or {})
    again = [name for name in gone["models"] if name in models]
    models |= {name: one for name, one in gone["models"].items() if name not in again}
    preload = list(said.get("preload") or [])
    for place, name in gone["preload"]:
        if name not in preload and name not in again:
            preload.insert(place, name)
    if models:
        said["models"] = models
    if preload:
        said["preload"] = preload
    return said, again


def by_hand(error: OstlerError, gone: Mapping[str, Any]) -> str:
    """Say that the wishes could not be written, and what they were."""
    names = [name for _, name in gone["preload"]]
    said = {key: one for key, one in (("models", gone["models"]), ("preload", names)) if one}
    return f"ostler.yaml stays as it is: {error.what} It said: {json.dumps(said, default=str)}"


def _with_comments(change: files.Change, before: str, after: str) -> files.Change:
    """Take the lines as they were written, where these say the same as the wishes wanted."""
    if not change.changes or change.after is None:
        return change
    now, name = (change.before or b"").decode("utf-8", "replace"), str(change.path)
    text = editing.patched(before, after, now)
    try:
        if text is None or editing.read(text, name) != editing.read(change.after.decode(), name):
            return change
    except OstlerError:
        return change
    return replace(change, after=text.encode(), diff=editing.unified(name, now, text))
