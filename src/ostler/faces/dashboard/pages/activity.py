"""Who did what, when, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ostler.faces.dashboard.operating import events as shown
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.parts.tables import PAGE, first, pager, table
from ostler.faces.dashboard.parts.words import count
from ostler.faces.dashboard.tree import Node, Tag, act, h

MOST = 2000  # events that are looked at; `ostler history` has all


@dataclass
class Activity(Page):
    """The history, newest first, as it happens."""

    path: ClassVar[str] = "/activity"
    title: ClassVar[str] = "Activity"
    every: ClassVar[float | None] = 15.0
    listens: ClassVar[bool] = True

    events: Sequence[Mapping[str, Any]] = ()
    at: int = 0  # the first row that is shown

    async def look(self) -> None:
        found = await self.get("/api/audit", fresh=0.5, hours=self._hours, limit=MOST)
        self.events = found[::-1]

    @property
    def _hours(self) -> str:
        asked = self.query.get("hours", "")
        return asked if asked in [str(hours) for hours, _ in shown.PERIODS] else "24"

    def view(self) -> Node:
        group, text = self.query.get("of", ""), self.query.get("text", "")
        found = shown.wanted(self.events, group, text)
        return h(
            "div.page",
            h("div.bar-top", h("h1", self.title, tabindex="-1"),
              h("span.muted", "What happens is shown as it happens.")),
            h("section.panel", self._filter(group, text), self._table(found), key="events"),
        )  # fmt: skip

    def _filter(self, group: str, text: str) -> Tag:
        groups = [("", "Everything"), *((name, one[0]) for name, one in shown.GROUPS.items())]
        periods = [(str(hours), words) for hours, words in shown.PERIODS]
        return h(
            "form.fields",
            _select("of", "What", groups, group),
            _select("hours", "In", periods, self._hours),
            h("div.field", h("label", "With the text", for_="text"),
              h("input#text", type="search", value=text, name="text", on_input=act("text"),
                data_wait=200, placeholder="a model, a key, a reason")),
            on_submit=act("filter"),
        )  # fmt: skip

    def _table(self, found: Sequence[Mapping[str, Any]]) -> Node:
        if not found:
            return self._nothing()
        at = first(self.at, len(found))
        rows = shown.rows(found[at : at + PAGE])
        said = count(len(found), "event")
        if len(self.events) == MOST:
            said += f", of the last {MOST:,}; `ostler history` has all"
        return h(
            "div.stack",
            h("p.small.muted", f"{said}, newest first", role="status"),
            table(shown.COLUMNS, rows, label="Events, newest first"),
            pager(at, len(found)),
        )

    def _nothing(self) -> Tag:
        if self.events:
            return h("p.muted", "Nothing like this has happened in this time.", role="status")
        return panels.empty(
            "Nothing has happened in this time",
            "Downloads, loads, evictions with their reasons, changes of keys and of wishes are "
            "written here, with who asked for them.",
            command="ostler history",
        )

    # --- acts -------------------------------------------------------------------------------

    async def do_of(self, value: str) -> None:
        self._ask(of=value)

    async def do_hours(self, value: str) -> None:
        self._ask(hours=value)
        await self.look()

    async def do_text(self, value: str) -> None:
        self._ask(text=value)

    async def do_filter(self, values: Mapping[str, str]) -> None:
        self._ask(**values)
        await self.look()

    async def do_page(self, at: int) -> None:
        self.at = at

    def _ask(self, **changed: str) -> None:
        self.at = 0
        self.desk.address(**{**self.query, **changed})


def _select(name: str, label: str, choices: Sequence[tuple[str, str]], chosen: str) -> Tag:
    options = [h("option", text, value=value, selected=value == chosen) for value, text in choices]
    return h("div.field", h("label", label, for_=name), h(f"select#{name}", options, name=name,
             on_change=act(name)))  # fmt: skip
