"""The terms of an estimate as a waterfall: each begins where the one before it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostler.faces.dashboard.parts.charts import colour
from ostler.faces.dashboard.parts.words import memory
from ostler.faces.dashboard.tree import Tag, act, h

MUCH = 4  # times what is required: more room than that is not drawn
SPARE = 1.04  # of the widest, so that the last line is not at the very edge


@dataclass(frozen=True, slots=True)
class Bar:
    """One term: where it begins and how much it is, in bytes, and why."""

    name: str
    start: int
    size: int
    because: str
    kind: str  # a colour's number as text, "margin" or "sum"


def bars(fitted: Mapping[str, Any]) -> list[Bar]:
    """Return the terms, their total, the margin apart, and what is required."""
    found, end = [], 0
    for place, term in enumerate(fitted["terms"]):
        found.append(Bar(term["name"], end, term["bytes"], term["because"], colour(place)))
        end += term["bytes"]
    margin = fitted["margin"]
    required = fitted["required_bytes"]
    return [
        *found,
        Bar("total", 0, end, "the terms together", "sum"),
        Bar(margin["name"], end, margin["bytes"], margin["because"], "margin"),
        Bar("required", 0, required, "total and margin: what must be free", "sum"),
    ]


def drawn(fitted: Mapping[str, Any], shown: Sequence[str]) -> Tag:
    """Return the waterfall over the room of the best place; `shown` are terms with their reason.

    It is a list that reads as well without its picture: each term, its size, and on demand why.
    """
    room = fitted["places"][0]["room_bytes"] if fitted["places"] else 0
    scale = wide(fitted["required_bytes"], room)
    rows = [_row(one, scale, room, one.name in shown) for one in bars(fitted)]
    return h(
        "div.waterfall",
        _roof(room, scale) if room else None,
        h("ol.terms", rows),
        key="waterfall",
    )


def wide(required: int, room: int) -> float:
    """Return how many bytes the picture is wide: all of the room, unless that is much more."""
    shown = room if room <= MUCH * required else required
    return max(required, shown, 1) * SPARE


def _roof(room: int, scale: float) -> Tag:
    """Return the mark of the room; it may lie beyond the picture."""
    if room > scale:
        text = f"{memory(room)} of room, far to the right of this picture"
        return h("div.roof", h("span.mark.end", text, style="left: 100%"))
    at = 100 * room / scale
    side = "end" if at > 60 else "begin"
    return h(
        "div.roof", h(f"span.mark.{side}", f"{memory(room)} of room", style=f"left: {at:.2f}%")
    )


def _row(one: Bar, scale: float, room: int, is_open: bool) -> Tag:
    over = max(one.start + one.size - max(room, one.start), 0) if room else 0
    start, size = 100 * one.start / scale, 100 * one.size / scale
    too_much = h(
        "span.over",
        style=f"left: {start + size - 100 * over / scale:.3f}%; width: {100 * over / scale:.3f}%",
    )
    return h(
        f"li.term.k-{one.kind}",
        h(
            "button.line",
            h("span.name", one.name),
            h(
                "span.track",
                h(f"span.fill.f-{one.kind}", style=f"left: {start:.3f}%; width: {size:.3f}%"),
                too_much if over else None,
                h("span.limit", style=f"left: {100 * room / scale:.3f}%")
                if 0 < room <= scale
                else None,
                aria_hidden="true",
            ),
            h("span.size", memory(one.size)),
            type="button",
            aria_expanded="true" if is_open else "false",
            on_click=act("reason", term=one.name),
        ),
        h("p.because", one.because, h("span.muted", f" {one.size:,} bytes")) if is_open else None,
        key=one.name,
    )


def said(fitted: Mapping[str, Any]) -> str:
    """Write what a waterfall shows in one sentence."""
    each = f" on each of {fitted['tensor_parallel']} GPUs" if fitted["tensor_parallel"] > 1 else ""
    total, margin = memory(fitted["total_bytes"]), memory(fitted["margin"]["bytes"])
    return f"{memory(fitted['required_bytes'])} needed{each}: {total}, and {margin} of margin."
