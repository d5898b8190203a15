"""The models that are kept, those that could be, and the work on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

from ostler.errors import InUse, UnknownModel
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.parts.words import clock, count, file_size
from ostler.faces.dashboard.stocking import detail, kept, shelf, work
from ostler.faces.dashboard.stocking.fetching import Fetching
from ostler.faces.dashboard.stocking.kept import HERE
from ostler.faces.dashboard.tree import Node, Tag, act, h

VIEWS = {
    "": "Kept here", "hub": "Find on the hub", "catalogue": "Catalogue", "trash": "Trash",
    "archive": "Archive",
}  # fmt: skip
SELDOM = 4.9  # seconds between two looks at the store, where nothing has happened
NOW = 0.01  # seconds that an answer may be old which other tabs are to have too
Shown = Mapping[str, Any]


@dataclass
class Models(Fetching):
    """The store and the catalogue, the hub, and what is on its way."""

    path: ClassVar[str] = "/models"
    title: ClassVar[str] = "Models"
    every: ClassVar[float | None] = 1.0
    listens: ClassVar[bool] = True

    store: Shown = field(default_factory=dict)
    pieces: Sequence[work.Piece] = ()
    chosen: Shown | None = None
    missing: str = ""  # a model of the address that is not kept
    entries: Sequence[Shown] = ()
    thrown: Sequence[Shown] = ()
    away: Sequence[Shown] = ()
    archiving: bool = False
    removed: Shown | None = None  # the last removal, as long as it can be taken back
    text: str = ""
    task: str = ""
    _put_away: set[str] = field(default_factory=set)
    _fresh: float = NOW  # seconds that the store may be old at the next look
    _before: frozenset[str] = frozenset()  # work that ran at the last look

    @property
    def shows(self) -> str:
        """The part of the page that the address names."""
        view = self.query.get("view", "")
        return view if view in VIEWS else ""

    async def look(self) -> None:
        pulls: Sequence[Shown]
        jobs: Sequence[Shown]
        pulls, jobs = await asyncio.gather(
            self.get("/api/pulls", fresh=0.9), self.get("/api/jobs", fresh=0.9)
        )
        self.pieces = work.pieces(pulls, jobs, time.time(), self._put_away)
        running = frozenset(one.key for one in self.pieces if one.active)
        if self._before - running:  # something has ended
            self._fresh = NOW
        self._before = running
        self.store = await self.get("/api/store", fresh=self._fresh)
        await self._look_closer()
        self._fresh = SELDOM

    async def _look_closer(self) -> None:
        """Ask for what only the shown part needs."""
        model = self.query.get("model", "")
        if self.shows == "trash":
            self.thrown = await self.get("/api/trash", fresh=min(self._fresh, 0.9))
        elif self.shows == "archive":
            self.away = await self.get("/api/archived", fresh=min(self._fresh, 0.9))
        elif self.shows == "catalogue":
            self.entries = await self.get("/api/catalogue", fresh=30.0)
        elif self.shows == "hub":
            await self.look_at_the_hub()
        elif model and (self.chosen is None or self._fresh == NOW):
            await self._choose(model)

    async def _choose(self, model: str) -> None:
        try:
            self.chosen = await self.get(_path("store", model))
        except UnknownModel:
            self.chosen, self.missing = None, model

    async def heard(self, event: Mapping[str, Any]) -> None:
        self._fresh = NOW

    # --- what is shown ----------------------------------------------------------------------

    def view(self) -> Node:
        return h(
            "div.page",
            h("h1", self.title, tabindex="-1"),
            self._views(),
            self._undo(),
            work.panel(self.pieces),
            self._part(),
        )

    def _views(self) -> Tag:
        numbers = {"": len(self.store["models"]), "archive": self.store["archived"]}
        return h(
            "nav.views",
            [
                h("a", name, h("span.muted", f" {numbers[view]}") if numbers.get(view) else None,
                  href=f"{HERE}?view={view}" if view else HERE,
                  aria_current="page" if view == self.shows else None, key=view)
                for view, name in VIEWS.items()
            ],
            aria_label="Parts of this page",
        )  # fmt: skip

    def _part(self) -> list[Node | None]:
        if self.shows == "hub":
            return [self.found()]
        if self.shows == "catalogue":
            return [shelf.catalogue(self.entries, self.task, self.text, self.at)]
        if self.shows == "trash":
            return [shelf.trash(self.thrown)]
        if self.shows == "archive":
            return [shelf.archive(self.away)]
        return self._kept()

    def _kept(self) -> list[Node | None]:
        models = self.store["models"]
        wrong = f"No model named {self.missing} is kept here." if self.missing else ""
        return [
            panels.notice(wrong, "bad") if wrong else None,
            detail.detail(self.chosen, self.archiving) if self.chosen else None,
            kept.listing(models, self.text, self.at, self.query.get("model", ""))
            if models
            else kept.nothing(),
            h("div", kept.partial(self.store["partial"])) if self.store["partial"] else None,
            kept.room(self.store),
        ]

    def _undo(self) -> Tag | None:
        gone = self.removed
        if gone is None:
            return None
        name = gone["models"][0]["name"]
        return h(
            "div.notice.plain.row.between",
            h("span", f"{name} is in the trash until {clock(gone['until'])} UTC."),
            h("span.buttons",
              h("button.small", "Undo", type="button", on_click=act("restore", model=name)),
              h("button.ghost.small", "Dismiss", type="button", on_click=act("forget"))),
            role="status",
            key="undo",
        )  # fmt: skip

    # --- finding ----------------------------------------------------------------------------

    async def do_find(self, value: str) -> None:
        self.text, self.at = value, 0

    async def do_task(self, value: str) -> None:
        self.task, self.at = value, 0

    async def do_page(self, at: int) -> None:
        self.at = at

    # --- work on kept models ----------------------------------------------------------------

    async def do_verify(self, model: str, repair: bool) -> None:
        await self.ask("POST", f"{_path('store', model)}/verify", {"repair": repair})
        await self.look()

    async def do_cancel(self, id: str) -> None:
        await self.ask("DELETE", f"/api/jobs/{id}")
        await self.look()

    async def do_dismiss(self, key: str) -> None:
        self._put_away.add(key)
        self.pieces = [one for one in self.pieces if one.key != key]

    async def do_archiving(self) -> None:
        self.archiving = not self.archiving

    async def do_archive(self, model: str, values: Mapping[str, str]) -> None:
        path, asked = f"{_path('store', model)}/archive", {"to": values["to"]}
        plan = await self.ask("POST", path, asked, dry_run=True)
        said = f"{file_size(plan['copy_bytes'])} are copied to {plan['at']} and proven there. "
        said += f"{file_size(plan['free_bytes'])} are free there."
        then = "Only then the model is removed here. Until it is brought back, nobody can use it."
        sure = await self.desk.confirm(
            f"Move {model} to another disk?", h("p", said), h("p", then), yes="Move it"
        )
        if sure:
            await self.ask("POST", path, asked)
            self.archiving = False
            await self.look()

    async def do_bring_back(self, model: str) -> None:
        path = f"{_path('archived', model)}/restore"
        plan = await self.ask("POST", path, {}, dry_run=True)
        said = f"{file_size(plan['copy_bytes'])} are copied from {plan['at']}, and proven again."
        if await self.desk.confirm(f"Bring {model} back?", h("p", said), yes="Bring it back"):
            await self.ask("POST", path, {})
            await self.look()

    async def do_remove(self, model: str, purge: bool) -> None:
        path, force = _path("store", model), False
        try:
            plan = await self.ask("DELETE", path, dry_run=True, purge=purge)
        except InUse:
            force = True
            plan = await self.ask("DELETE", path, dry_run=True, purge=purge, force=True)
        title = f"Remove {model} for good?" if purge else f"Remove {model}?"
        yes = "Remove for good" if purge else "Remove"
        if not await self.desk.confirm(title, *_leaving(plan, purge), yes=yes, danger=True):
            return
        gone = await self.ask("DELETE", path, purge=purge, force=force)
        self.chosen, self._fresh = None, NOW
        self.desk.address()
        if purge:
            self.desk.toast(f"{model} is removed: {file_size(gone['freed_bytes'])} freed.")
        else:
            self.removed = gone
        await self.look()

    async def do_restore(self, model: str) -> None:
        back = await self.ask("POST", "/api/trash/restore", {"model": model})
        self.removed, self._fresh = None, NOW
        self.desk.toast(f"{model} is back: {file_size(back['bytes'])}.")
        await self.look()

    async def do_forget(self) -> None:
        self.removed = None


def _leaving(plan: Shown, purge: bool) -> list[Node]:
    """Say what will happen when a model is removed."""
    files = sum(len(one["files"]) for one in plan["models"])
    shared = sum(one["shared_bytes"] for one in plan["models"])
    frees = file_size(plan["frees_bytes"])
    said = [f"{count(files, 'file')} of it go at once, and {frees} are freed. It cannot be undone."]
    if not purge:
        said = [
            f"{count(files, 'file')} of it go to the trash. It can be brought back for some days; "
            f"then {frees} are freed."
        ]
    if shared:
        said.append(f"{file_size(shared)} stay: other models share them.")
    if plan["stops"]:
        said.append(f"It is loaded. {', '.join(plan['stops'])} ends at once, with its requests.")
    if plan["changed"]:
        said.append(f"It is taken out of {', '.join(plan['changed'])} too:")
    shown: list[Node] = [h("p", text) for text in said]
    return [*shown, h("pre.log", plan["diff"])] if plan["diff"] else shown


def _path(kind: str, model: str) -> str:
    return f"/api/{kind}/{quote(model, safe='/')}"
