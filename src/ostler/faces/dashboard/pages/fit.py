"""What a model needs in memory, term by term, where it fits, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from ostler.errors import OstlerError
from ostler.faces.dashboard.fitting import controls, places, waterfall
from ostler.faces.dashboard.fitting.choice import Choice, number, of_query
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.parts.prose import prose
from ostler.faces.dashboard.tree import Node, Tag, act, h

HERE = "/dashboard/fit"
LIMITS = {"context": (1, 2**31), "sequences": (1, 2**20), "gpus": (1, 64), "margin": (0, 100)}
Shown = Mapping[str, Any]


@dataclass
class Fit(Page):
    """A choice that can be moved, and what it comes to."""

    path: ClassVar[str] = "/fit"
    title: ClassVar[str] = "Fit"
    every: ClassVar[float | None] = None

    choice: Choice = field(default_factory=Choice)
    fitted: Shown | None = None
    refused: OstlerError | None = None  # why the choice comes to nothing; the last good one stays
    kept: Sequence[str] = ()
    listed: Sequence[str] = ()
    gpus: Sequence[Shown] = ()
    reasons: set[str] = field(default_factory=set)  # terms whose reason is shown
    every_gpu: bool = False
    at: int = 0
    ages: controls.Ages = field(default_factory=controls.Ages)
    _asked: int = 0  # so that an answer that comes late is not taken for the newest

    async def look(self) -> None:
        self.choice = of_query(self.query)
        store: Shown
        entries: Sequence[Shown]
        store, entries, self.gpus = await asyncio.gather(
            self.get("/api/store", fresh=5.0),
            self.get("/api/catalogue", fresh=30.0),
            self.get("/api/gpus", fresh=300.0),
        )
        self.kept = [one["id"] for one in store["models"]]
        self.listed = [one["id"] for one in entries]
        if self.choice.model:
            await self._ask()

    async def _ask(self) -> None:
        """Ask what the choice comes to."""
        self._asked += 1
        mine = self._asked
        try:
            found = await self.ask("POST", "/api/fits", self.choice.body)
        except OstlerError as error:
            if mine == self._asked:
                self.refused = error
            return
        if mine == self._asked:
            self.fitted, self.refused = found, None

    async def _become(self, choice: Choice) -> None:
        if choice.model != self.choice.model:
            self.fitted, self.reasons = None, set()
        self.choice, self.at = choice, 0
        self.desk.address(**choice.query)
        await self._ask()

    # --- what is shown ----------------------------------------------------------------------

    def view(self) -> Node:
        names = [*self.kept, *self.listed]
        return h(
            "div.page.fit",
            h("h1", self.title, tabindex="-1"),
            controls.controls(self.choice, self.fitted, names, self.gpus, self.ages),
            self._refused(),
            self._comes_to() if self.fitted else self._nothing(),
        )

    def _refused(self) -> Tag | None:
        error = self.refused
        if error is None:
            return None
        return h(
            "div.notice.bad",
            h("p", h("strong", "This cannot be: "), prose(error.what)),
            h("p", prose(error.hint)) if error.hint else None,
            h("p.small", "What is shown below is the choice before.") if self.fitted else None,
            role="alert",
            key="refused",
        )

    def _nothing(self) -> Node | None:
        if self.choice.model:
            return None
        some = [*self.kept[:6], *self.listed[: max(6 - len(self.kept), 3)]]
        links = [h("a.button", name, href=f"{HERE}?{urlencode({'model': name})}", key=name)
                 for name in some]  # fmt: skip
        return panels.empty(
            "Which model?",
            "Choose one that is kept here, that the catalogue knows, or any of the hub: only its "
            "headers are read. Nothing is fetched.",
            button=h("div.buttons", links),
            command="ostler fit --all --catalogue",
        )

    def _comes_to(self) -> list[Node | None]:
        fitted = self.fitted
        assert fitted is not None
        return [
            h(
                "section.panel",
                h("h2.visually-hidden", "Does it fit?"),
                places.verdict(fitted),
                key="answer",
            ),
            panels.panel(
                "Memory, term by term",
                h("p.small.muted", waterfall.said(fitted), " Choose a term to see why."),
                waterfall.drawn(fitted, sorted(self.reasons)),
                places.about(fitted),
                _notes(fitted["notes"]),
                aside=h("button.ghost.small", "Hide all reasons" if self.reasons
                        else "Show all reasons", type="button", on_click=act("reasons")),
                key="terms",
            ),
            places.devices(fitted),
            places.gpus(fitted, self.choice, self.every_gpu, self.at),
            self._kept_for_later(),
        ]  # fmt: skip

    def _kept_for_later(self) -> Tag:
        link = f"{self.desk.origin}{HERE}?{urlencode(self.choice.query)}"
        fitted = self.fitted or {}
        return panels.panel(
            "The same again",
            h("p.small.muted", "The address of this page carries the choice. In a terminal:"),
            panels.commanded(fitted["command"]),
            h("p.command", h("code", link),
              h("button.ghost.copy", "Copy", type="button", data_do="copy", data_text=link,
                aria_label="Copy the link")),
            key="again",
        )  # fmt: skip

    # --- acts -------------------------------------------------------------------------------

    async def do_model(self, values: Mapping[str, str]) -> None:
        name = values["model"].strip()
        if name:
            kept = replace(self.choice, quantization="", what_if=False, context=None)
            self.ages.renew("all")
            await self._become(replace(kept, model=name))

    async def do_set(self, name: str, value: object) -> None:
        """A list or a field was changed."""
        if name == "quantization":
            text = str(value)
            await self._become(
                replace(self.choice, quantization=text.lstrip("?"), what_if=text.startswith("?"))
            )
        elif name == "gpu":
            await self._become(replace(self.choice, gpu=str(value), gpus=1))
        elif name == "kv":
            await self._become(replace(self.choice, kv=str(value)))
        else:
            found = number(value, *LIMITS[name])
            if found is not None:
                self.ages.renew(f"{name} typed")
                await self._become(self.choice.moved(name, found))

    async def do_slide(self, name: str, steps: list[int], value: float) -> None:
        """A slider was moved to one of its steps."""
        self.ages.renew(f"{name} slid")
        await self._become(self.choice.moved(name, steps[int(value)]))

    async def do_take(self, what: str) -> None:
        changed = self.choice.changed(what)
        if changed:
            self.ages.renew("all")
            await self._become(changed)

    async def do_gpu(self, name: str) -> None:
        self.ages.renew("all")
        at = self.at
        await self._become(replace(self.choice, gpu=name))
        self.at = at

    async def do_reason(self, term: str) -> None:
        self.reasons ^= {term}

    async def do_reasons(self) -> None:
        every = {one.name for one in waterfall.bars(self.fitted)} if self.fitted else set()
        self.reasons = set() if self.reasons else every

    async def do_all(self, value: bool) -> None:
        self.every_gpu, self.at = value, 0

    async def do_page(self, at: int) -> None:
        self.at = at


def _notes(notes: Sequence[str]) -> Tag | None:
    if not notes:
        return None
    return h("ul.plain.small.muted", [h("li", text) for text in dict.fromkeys(notes)], key="notes")
