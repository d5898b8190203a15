"""Bars and lines made of HTML and SVG, each with what it shows in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ostler.faces.dashboard.tree import Child, Tag, h

COLOURS = 6  # that `style.css` has for things side by side, --s1 to --s6
WIDE, HIGH = 200.0, 36.0  # units of a sparkline's own picture


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stacked bar. `kind` is a colour's number as text, "free" or "kept"."""

    name: str
    size: float
    kind: str
    said: str  # its size in words


def colour(place: int) -> str:
    """Return the colour of the so-manieth thing in a row."""
    return str(place % COLOURS + 1)


def stacked(segments: Sequence[Segment], label: str) -> Tag:
    """Return a bar of segments with its legend; `label` says what it is a bar of."""
    total = sum(one.size for one in segments) or 1.0
    parts = [
        h(f"span.seg.c-{one.kind}", style=f"width: {100 * one.size / total:.3f}%", key=one.name)
        for one in segments
        if one.size > 0
    ]
    words = "; ".join(f"{one.name} {one.said}" for one in segments)
    return h(
        "div.stacked",
        h("div.bar", parts, role="img", aria_label=f"{label}: {words}"),
        h("ul.legend", [_named(one) for one in segments], aria_hidden="true"),
    )


def _named(one: Segment) -> Tag:
    return h(
        "li",
        h(f"span.swatch.c-{one.kind}"),
        h("span", one.name),
        h("span.muted.num", one.said),
        key=one.name,
    )


def sparkline(values: Sequence[float | None], words: str) -> Tag:
    """Return a small line of values, oldest first; where one is None the line is broken."""
    known = [value for value in values if value is not None]
    most = max(known, default=0.0) or 1.0
    step = WIDE / max(len(values) - 1, 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place * step, HIGH - 2 - (HIGH - 4) * value / most))
    lines = [_line(run) for run in runs if run]
    return h(
        "svg.spark",
        h("line", x1="0", y1=HIGH - 1, x2=WIDE, y2=HIGH - 1, class_="base"),
        lines,
        viewBox=f"0 0 {WIDE:g} {HIGH:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )


def _line(run: Sequence[tuple[float, float]]) -> Tag:
    if len(run) == 1:
        (x, y) = run[0]
        run = [(max(x - 1.5, 0), y), (min(x + 1.5, WIDE), y)]
    return h("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in run))


def figure(title: str, value: Child, said: Child, chart: Tag | None = None, kind: str = "") -> Tag:
    """Return a number that is watched: what it is, how much, what else, and its last minutes."""
    return h(
        "div.figure",
        h("h2.muted", title),
        h(f"p.value.{kind}" if kind else "p.value", value),
        chart,
        h("p.small.muted", said),
        key=title,
    )
