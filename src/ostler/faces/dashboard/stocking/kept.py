"""The kept models as rows, and the room that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ostler.core.sizes import parameters
from ostler.faces.dashboard.parts import badges, charts, panels
from ostler.faces.dashboard.parts.charts import Segment
from ostler.faces.dashboard.parts.tables import PAGE, Column, Row, finder, first, pager, table
from ostler.faces.dashboard.parts.words import count, file_size
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

Model = Mapping[str, Any]
HERE = "/dashboard/models"
COLUMNS = (
    Column("Model", wide=True),
    Column("For"),
    Column("Parameters", right=True),
    Column("Weights"),
    Column("Size", right=True),
    Column("Licence"),
    Column("Kept since"),
    Column("State"),
)


def found(models: Sequence[Model], text: str) -> list[Model]:
    """Return the models that have all the words in their name, licence, task or weights."""
    words = text.lower().split()
    return [one for one in models if all(word in _searched(one) for word in words)]


def _searched(one: Model) -> str:
    parts = (one["id"], one["licence"], one["task"], one["quantization"], one["state"])
    return " ".join(str(part) for part in parts if part).lower()


def listing(models: Sequence[Model], text: str, at: int, chosen: str) -> Tag:
    """Return the kept models from one row on, a field to find some, and pages."""
    shown = found(models, text)
    field = h("div.field", finder("Find a kept model", text))
    inside: Node = h("p.muted", f"No kept model has '{text.strip()}' in its name or licence.")
    if shown:
        at = first(at, len(shown))
        rows = [_row(one, chosen) for one in shown[at : at + PAGE]]
        inside = table(COLUMNS, rows, label="Kept models")
    many = f"{len(shown)} of {len(models)}" if text.strip() else f"{len(models)}"
    return panels.panel(
        f"Kept here ({many})", inside, pager(at, len(shown)), aside=field, key="kept"
    )


def _row(one: Model, chosen: str) -> Row:
    link = f"{HERE}?{urlencode({'model': one['id']})}"
    return Row(
        one["id"],
        (
            h("a", one["id"], href=link, aria_current="true" if one["id"] == chosen else None),
            one["task"] or "unknown",
            exactly(one["parameters"]),
            weights(one),
            file_size(one["bytes"]),
            one["licence"] or "unknown",
            one["pulled_at"][:10],
            badges.state("damaged" if one["damaged"] else one["state"]),
        ),
    )


def exactly(number: int | None) -> str:
    """Write a number of parameters; a small one in full."""
    if number is None or number >= 10**5:
        return parameters(number)
    return f"{number:,}"


def weights(one: Model) -> str:
    """Write what the weights are: `gguf, q8_0`."""
    held = one["quantization"] or (one["dtype"] or "unknown type").lower()
    return f"{one['format']}, {held}"


def room(store: Mapping[str, Any]) -> Tag:
    """Return the disk as a bar, and what keeping each content once has saved."""
    used, trash = store["physical_bytes"], store["trash_bytes"]
    others = max(store["disk_bytes"] - store["free_bytes"] - used, 0)
    segments = [
        Segment("Models", max(used - trash, 0), "1", file_size(max(used - trash, 0))),
        Segment("Trash", trash, "2", file_size(trash)),
        Segment("Everything else", others, "kept", file_size(others)),
        Segment("Free", store["free_bytes"], "free", file_size(store["free_bytes"])),
    ]
    shown = [one for one in segments if one.size or one.name in ("Models", "Free")]
    return panels.panel(
        "Disk",
        charts.stacked(shown, "The disk"),
        h("p.small.muted", _said(store)),
        key="room",
    )


def _said(store: Mapping[str, Any]) -> str:
    models = store["models"]
    if not models:
        return f"Models will be kept in {store['home']}."
    names = len({one["name"] for one in models})
    said = f"{count(len(models), 'model')} of {count(names, 'repository', 'repositories')}"
    said += f" in {store['home']}."
    saved = store["logical_bytes"] + store["trash_bytes"] - store["physical_bytes"]
    if saved > 0:
        said += f" {file_size(saved)} are saved: what several models share is kept once."
    return said


def nothing() -> Tag:
    """Return what to do where no model is kept."""
    return panels.empty(
        "No model is kept here yet",
        "Begin with the tiny chat model that comes with Ostler: 0.8 MB, no download. It says "
        "hello, and shows that everything works. Or search the hub for a real one.",
        button=h(
            "div.buttons",
            h("button.primary", "Keep the tiny model", type="button",
              on_click=act("sample", task="chat")),
            h("a.button", "Search the hub", href=f"{HERE}?view=hub"),
        ),
        command="ostler pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m",
    )  # fmt: skip


def partial(names: Sequence[str]) -> Child:
    """Say which repositories are kept without whole weights."""
    if not names:
        return None
    said = f"Kept without whole weights, so not served: {', '.join(names)}."
    return panels.notice(said, "plain")
