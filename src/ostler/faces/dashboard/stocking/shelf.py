"""The catalogue, the trash and the archive as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ostler.core.sizes import parameters
from ostler.faces.dashboard.parts import badges, panels
from ostler.faces.dashboard.parts.tables import PAGE, Column, Row, finder, first, pager, table
from ostler.faces.dashboard.parts.words import clock, file_size, memory
from ostler.faces.dashboard.stocking.hub import link
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h

TASKS = ("chat", "coding", "reasoning", "vision", "completion", "embed", "rerank")
COLUMNS = (
    Column("Model"),
    Column("For"),
    Column("Parameters", right=True),
    Column("Context", right=True),
    Column("Memory", right=True),
    Column("Cheapest GPU"),
    Column("Licence"),
    Column("Here"),
)


def catalogue(rows: Sequence[Mapping[str, Any]], task: str, text: str, at: int) -> Tag:
    """Return the models that are known by a short name, those for one task, from one row on."""
    words = text.lower().split()
    shown = [
        one
        for one in rows
        if (not task or task in one["tasks"])
        and all(word in f"{one['id']} {one['repo']} {one['licence']}".lower() for word in words)
    ]
    options = [h("option", "any task", value="", selected=not task)]
    options += [h("option", name, value=name, selected=name == task) for name in TASKS]
    aside = h(
        "div.row.tight",
        h("label.visually-hidden", "Task", for_="task"),
        h("select#task", options, on_change=act("task")),
        finder("Find in the catalogue", text),
    )
    inside: Node = h("p.muted", "The catalogue has none such.")
    if shown:
        at = first(at, len(shown))
        inside = table(COLUMNS, [_entry(one) for one in shown[at : at + PAGE]], label="Catalogue")
    return panels.panel(
        f"Catalogue ({len(shown)} of {len(rows)})",
        h("p.small.muted", "Memory is for one request with 8,192 tokens, from each model's "
          "config.json. Prices are on demand, with the day they were read."),
        inside,
        pager(at, len(shown)),
        aside=aside,
        key="catalogue",
    )  # fmt: skip


def _entry(one: Mapping[str, Any]) -> Row:
    fit = f"/dashboard/fit?{urlencode({'model': one['id']})}"
    size = parameters(one["parameters"]) if one["parameters"] else "unknown"
    here: Child = badges.state("kept", "good") if one["status"] == "available" else ""
    return Row(
        one["id"],
        (
            h("span", h("a", one["id"], href=link(one["repo"])), h("span.small.muted.block",
                                                                   one["repo"])),
            ", ".join(one["tasks"]),
            size,
            f"{one['context_length']:,}" if one["context_length"] else "unknown",
            h("a", memory(one["total_bytes"]), href=fit,
              aria_label=f"{memory(one['total_bytes'])}: see what {one['id']} needs"),
            price(one),
            one["licence"] or "unknown",
            here,
        ),
    )  # fmt: skip


def price(one: Mapping[str, Any]) -> Child:
    """Return the cheapest GPU with its price and the day it was read."""
    if not one["gpu"]:
        return "none holds it"
    if one["usd_per_hour"] is None:
        return f"{one['gpu']}, price unknown"
    said = f"{one['gpu']}, ${one['usd_per_hour']:.2f}/h"
    return h("span", said, h("span.small.muted.block", read_on(one)))


def read_on(one: Mapping[str, Any]) -> str:
    """Write when a price was read."""
    if not one["as_of"]:
        return "undated"
    return f"read on {one['as_of']}" + (", stale" if one["stale"] else "")


def trash(thrown: Sequence[Mapping[str, Any]]) -> Tag:
    """Return what was removed and can be had back."""
    if not thrown:
        return panels.empty(
            "The trash is empty", "What is removed lies here for a while and can be had back."
        )
    columns = (Column("Model", wide=True), Column("Size", right=True), Column("Removed"),
               Column("Until"), Column("What can be done", hidden=True))  # fmt: skip
    rows = [
        Row(
            each["id"],
            (
                names(each),
                file_size(each["bytes"]),
                f"{clock(each['removed_at'])} UTC",
                f"{clock(each['until'])} UTC",
                h("button.small", "Bring back", type="button",
                  aria_label=f"Bring back {names(each)}",
                  on_click=act("restore", model=each["models"][0]["name"])),
            ),
        )
        for each in thrown
        if each["models"]
    ]  # fmt: skip
    return panels.panel(
        f"Trash ({len(thrown)})",
        table(columns, rows, label="Removed models"),
        panels.commanded("ostler gc --trash-days 0"),
        key="trash",
    )


def names(thrown: Mapping[str, Any]) -> str:
    """Write which models a removal took."""
    return ", ".join(dict.fromkeys(one["name"] for one in thrown["models"]))


def archive(away: Sequence[Mapping[str, Any]]) -> Tag:
    """Return the models that were moved to other disks."""
    if not away:
        return panels.empty(
            "Nothing is archived",
            "A model that is not needed every day can lie on a cheaper disk: open it, and choose "
            "Archive.",
            command="ostler archive org/name --to /mnt/cold",
        )
    columns = (Column("Model", wide=True), Column("Commit"), Column("Size", right=True),
               Column("Where"), Column("What can be done", hidden=True))  # fmt: skip
    rows = [
        Row(
            f"{each['name']} {each['commit']}",
            (
                each["name"],
                h("code", each["commit"][:12]),
                file_size(each["bytes"]),
                h("code", each["at"]),
                h("button.small", "Bring back", type="button",
                  aria_label=f"Bring back {each['name']}",
                  on_click=act("bring_back", model=each["name"])),
            ),
        )
        for each in away
    ]  # fmt: skip
    return panels.panel(
        f"Archive ({len(away)})", table(columns, rows, label="Archived models"), key="archive"
    )
