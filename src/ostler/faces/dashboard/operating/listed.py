"""Every model with its state, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from ostler.core.last_use import last_use
from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.tables import PAGE, Column, Row, finder, first, pager, table
from ostler.faces.dashboard.parts.words import duration, memory
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

DOWN = ("stopped", "registered", "failed")  # states from which a model can be loaded
COMING = ("sizing", "waiting", "starting", "roused", "waking")
ORDER = ("failed", *COMING, "ready", "draining", "stopping", "dozing", "asleep", "registered")
COLUMNS = (
    Column("Model", wide=True),
    Column("State"),
    Column("Engine"),
    Column("On"),
    Column("Memory", right=True),
    Column("For", right=True),
    Column("Last used", right=True),
    Column("What can be done", hidden=True),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that can be asked for, and what runs of it."""

    id: str
    state: str
    pinned: bool = False
    why: str = ""
    used: float | None = None  # seconds since its last request ended; None: unknown
    task: str = ""
    path: str = ""  # of its own address
    wish: Mapping[str, Any] = field(default_factory=dict)
    units: Sequence[Mapping[str, Any]] = ()  # its engines

    @property
    def unit(self) -> Mapping[str, Any] | None:
        """Its first engine."""
        return self.units[0] if self.units else None

    @property
    def memory(self) -> int:
        """Bytes that its engines are counted with."""
        return sum(one["memory_bytes"] or 0 for one in self.units)

    @property
    def devices(self) -> str:
        return ", ".join(sorted({one["device"] for one in self.units if one["device"]}))


def every(
    models: Iterable[Mapping[str, Any]], deployed: Iterable[Mapping[str, Any]]
) -> list[Listed]:
    """Put together what `/v1/models` and `/api/deployments` say; what needs a look comes first."""
    runs = {one["model"]: one for one in deployed}
    found = []
    for model in models:
        one = runs.get(model["id"])
        found.append(
            Listed(
                id=model["id"],
                state=one["state"] if one else model["state"],
                pinned=bool(one and one["pinned"]),
                why=(one["why"] if one else "") or "",
                used=one["last_used_seconds"] if one else None,
                task=model["task"] or "",
                path=one["path"] if one else "",
                wish=one["wish"] if one else {},
                units=one["units"] if one else (),
            )
        )
    return sorted(found, key=_rank)


def _rank(one: Listed) -> tuple[int, bool, str]:
    place = ORDER.index(one.state) if one.state in ORDER else len(ORDER)
    return place, not one.pinned, one.id


def found(models: Iterable[Listed], text: str) -> list[Listed]:
    """Return the models whose name or state has this text."""
    wanted = text.strip().lower()
    return [one for one in models if wanted in one.id.lower() or wanted in one.state]


def listing(models: Sequence[Listed], text: str, at: int, chosen: str) -> Tag:
    """Return the models from one row on, a field to find some, and pages."""
    shown = found(models, text)
    field = h("div.field", finder("Find a model or a state", text))
    at = first(at, len(shown))
    rows = [_row(one, chosen) for one in shown[at : at + PAGE]]
    inside: Node
    if rows:
        inside = table(COLUMNS, rows, label="Models and their states")
    else:
        inside = h("p.muted", f"No model has '{text.strip()}' in its name or state.")
    return panels.panel(
        f"Models ({len(shown)} of {len(models)})" if text.strip() else f"Models ({len(models)})",
        inside,
        pager(at, len(shown)),
        aside=field,
        key="models",
    )


def _row(one: Listed, chosen: str) -> Row:
    unit = one.unit or {}
    link = f"/dashboard/deployments?{urlencode({'model': one.id})}"
    return Row(
        one.id,
        (
            h("a", one.id, href=link, aria_current="true" if one.id == chosen else None),
            h("span.row.tight", badges.state(one.state), _marks(one)),
            unit.get("engine") or "",
            one.devices,
            memory(one.memory) if one.memory else "",
            duration(unit["seconds"]) if unit and one.state not in DOWN else "",
            _used(one),
            h("span.buttons", *buttons(one)),
        ),
        said(one),
    )


def _used(one: Listed) -> str:
    first = one.unit or {"state": one.state, "start_seconds": None}
    busy = any(unit["busy"] for unit in one.units)
    return last_use({**first, "busy": busy, "last_used_seconds": one.used})


def _marks(one: Listed) -> Child:
    busy = any(unit["busy"] for unit in one.units)
    words = [
        ("busy", busy),
        ("pinned", one.pinned),
        (f"{len(one.units)} replicas", len(one.units) > 1),
    ]
    return [h("span.small.muted", word) for word, is_so in words if is_so]


def said(one: Listed) -> Child:
    """Return what is to be said under a model: when it is ready, or why it is as it is."""
    unit = one.unit
    if unit and unit["eta_seconds"] is not None:
        return f"Ready in about {duration(unit['eta_seconds'])}."
    return one.why or None


def buttons(one: Listed, main: bool = False) -> list[Tag]:
    """Return what can be done with a model now; `main` where it is what the page is about."""
    size = "" if main else ".small"
    found = []
    if one.state in DOWN:
        found.append(_button("button.primary" if main else f"button{size}", "Load", "load", one))
    elif one.state in COMING:
        found.append(_button(f"button{size}", "Stop loading", "unload", one))
    else:
        found.append(_button(f"button{size}", "Unload", "unload", one))
    if one.pinned:
        found.append(_button(f"button{size}", "Unpin", "unpin", one))
    else:
        found.append(_button(f"button{size}", "Pin", "pin", one))
    return found


def _button(selector: str, text: str, name: str, one: Listed) -> Tag:
    return h(
        selector,
        text,
        type="button",
        aria_label=f"{text} {one.id}",
        on_click=act(name, model=one.id),
        key=text,
    )
