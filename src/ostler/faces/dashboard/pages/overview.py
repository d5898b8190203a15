"""What the server does now, and what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlencode

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts import badges, charts, panels, pulses
from ostler.faces.dashboard.parts.charts import Segment
from ostler.faces.dashboard.parts.tables import Column, Row, table
from ostler.faces.dashboard.parts.words import count, duration, file_size, memory, rate
from ostler.faces.dashboard.tree import Child, Node, Tag, h

COMING = ("requested", "downloading")  # downloads that are not over
COLUMNS = (
    Column("Model", wide=True),
    Column("State"),
    Column("On"),
    Column("Memory", right=True),
    Column("Requests a second", right=True),
    Column("Answered", right=True),
    Column("For", right=True),
)


@dataclass
class Overview(Page):
    """Devices, what is loaded, the last minutes, and what the operator should know."""

    path: ClassVar[str] = ""
    title: ClassVar[str] = "Overview"
    every: ClassVar[float | None] = 2.0
    listens: ClassVar[bool] = True

    fleet: Mapping[str, Any] = field(default_factory=dict)
    pulse: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[Mapping[str, Any]] = ()
    pulls: Sequence[Mapping[str, Any]] = ()

    async def look(self) -> None:
        listed: Mapping[str, Any]
        pulls: Sequence[Mapping[str, Any]]
        self.fleet, self.pulse, listed, pulls = await asyncio.gather(
            self.get("/api/fleet", fresh=0.9),
            self.get("/api/pulse", fresh=0.9),
            self.get("/v1/models", fresh=1.9),
            self.get("/api/pulls", fresh=1.9),
        )
        self.models = listed["data"]
        self.pulls = [one for one in pulls if one["status"] in COMING]

    def view(self) -> Node:
        if not self.models:
            return h("div.page", self._top(), _notices(self.fleet), _nothing(), self._downloads(),
                     _devices(self.fleet))  # fmt: skip
        return h(
            "div.page",
            self._top(),
            _notices(self.fleet),
            h("section.figures", pulses.figures(self.pulse), aria_label="The last 15 minutes"),
            _devices(self.fleet),
            self._loaded(),
            self._downloads(),
        )

    def _top(self) -> Tag:
        address = f"{self.desk.origin}/v1"
        return h(
            "div.bar-top",
            h("h1", self.title, tabindex="-1"),
            h("span.muted", f"Up {duration(self.fleet['seconds'])}"),
            h("span.command", h("code", address),
              h("button.ghost.copy", "Copy", type="button", data_do="copy", data_text=address,
                aria_label="Copy the address for OpenAI clients")),
        )  # fmt: skip

    def _loaded(self) -> Tag:
        units = self.fleet["models"]
        more = h("a", f"All models ({len(self.models)})", href="/dashboard/deployments")
        if not units:
            name = self.models[0]["id"]
            return panels.panel(
                "Loaded",
                h("p", "Nothing is loaded. The first request for a model loads it, and it leaves "
                  "when others need its room."),
                h("p", h("a.button", "Try a model", href="/dashboard/playground")),
                panels.commanded(f"ostler load {name}"),
                aside=more,
                key="loaded",
            )  # fmt: skip
        rows = [_unit(one, self.pulse["models"]) for one in units]
        return panels.panel(
            "Loaded", table(COLUMNS, rows, label="Loaded models"), aside=more, key="loaded"
        )

    def _downloads(self) -> Node | None:
        if not self.pulls:
            return None
        return panels.panel(
            "On the way",
            h("ul.plain", [_pull(one) for one in self.pulls]),
            aside=h("a", "All downloads", href="/dashboard/models"),
            key="pulls",
        )


def _notices(fleet: Mapping[str, Any]) -> Node | None:
    """What the operator should know now: warnings, wishes that are not met, who waits."""
    said = [panels.notice(text) for text in fleet["warnings"]]
    if fleet["waiting"]:
        waits = f"Waiting for room, first come first: {', '.join(fleet['waiting'])}."
        said.append(panels.notice(waits))
    return h("div.stack", said, key="notices") if said else None


def _nothing() -> Tag:
    return panels.empty(
        "No model is kept here yet",
        "Find one and see what it takes before a byte is fetched. When it is here, the first "
        "request for it loads it.",
        button=h("a.button.primary", "Find a model", href="/dashboard/models"),
        command="ostler pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m",
    )


def devices(fleet: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], list[Segment], str]]:
    """Return each device with the segments of its bar and a sentence about its memory."""
    names = sorted({one["id"] for one in fleet["models"]})
    found = []
    for device in fleet["devices"]:
        segments = [
            Segment(one["id"], size, charts.colour(names.index(one["id"])), memory(size))
            for one in fleet["models"]
            if (size := _share(one, device["id"]))
        ]
        room, held, total = device["room_bytes"], device["held_bytes"], device["total_bytes"]
        known = sum(int(one.size) for one in segments)
        if held > known:
            segments.append(Segment("Other units", held - known, "6", memory(held - known)))
        free = max(room - held, 0)
        segments.append(Segment("Free for models", free, "free", memory(free)))
        if total and total > room:
            segments.append(
                Segment("The system and others", total - room, "kept", memory(total - room))
            )
        found.append((device, segments, _words(device)))
    return found


def _share(unit: Mapping[str, Any], device: str) -> int:
    """The bytes that a unit is counted with on this device."""
    places = (unit["device"] or "").split(",")
    return int((unit["memory_bytes"] or 0) // len(places)) if device in places else 0


def _words(device: Mapping[str, Any]) -> str:
    held, room = memory(device["held_bytes"]), memory(device["room_bytes"])
    said = f"Models hold {held} of the {room} that they may take"
    used, total = device["used_bytes"], device["total_bytes"]
    if used is not None and total:
        said += f"; {memory(used)} of {memory(total)} is in use by all programs together"
    return f"{said}."


def _devices(fleet: Mapping[str, Any]) -> Tag:
    rows = [
        h(
            "div.device",
            h("div.row.between", h("h3", device["id"]), h("span.muted.small", device["name"])),
            charts.stacked(segments, f"Memory of {device['id']}"),
            h("p.small.muted", words),
            key=device["id"],
        )
        for device, segments, words in devices(fleet)
    ]
    return panels.panel("Devices", h("div.devices", rows), key="devices")


def _unit(one: Mapping[str, Any], rates: Mapping[str, float]) -> Row:
    model = one["id"].partition("~")[0]
    return Row(
        one["id"],
        (
            h("a", one["id"], href=f"/dashboard/deployments?{urlencode({'model': model})}"),
            h("span.row.tight", badges.state(one["state"]), _marks(one)),
            one["device"] or "",
            memory(one["memory_bytes"]) if one["memory_bytes"] else "",
            rate(rates.get(model, 0.0)),
            f"{one['requests']:,}",
            duration(one["seconds"]),
        ),
        _said(one),
    )


def _marks(one: Mapping[str, Any]) -> Child:
    return [h("span.small.muted", mark) for mark in ("busy", "pinned") if one[mark]]


def _said(one: Mapping[str, Any]) -> Child:
    if one["eta_seconds"] is not None:
        return f"Ready in about {duration(one['eta_seconds'])}."
    return str(one["why"]) if one["why"] else None


def _pull(one: Mapping[str, Any]) -> Tag:
    done, total = one["done_bytes"] or 0, one["total_bytes"]
    if not total:
        said: Child = count(one["attempts"], "try", "tries")
        return h("li.row.between", h("span", one["model"]), h("span.muted", said), key=one["model"])
    left = one["seconds_left"]
    words = f"{file_size(done)} of {file_size(total)}"
    words += f", {duration(left)} left" if left is not None else ""
    return h(
        "li",
        h("div.row.between", h("span", one["model"]), h("span.muted.num", words)),
        h("progress", value=done, max=total, aria_label=f"{one['model']}: {words}"),
        key=one["model"],
    )
