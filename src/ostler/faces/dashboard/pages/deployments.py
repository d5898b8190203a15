"""What runs, and why; start it, stop it, read its log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

from ostler.errors import OstlerError, UnknownModel
from ostler.faces.dashboard.operating import detail, listed
from ostler.faces.dashboard.operating.listed import Listed
from ostler.faces.dashboard.page import Page, Work
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.parts.words import count, duration, memory
from ostler.faces.dashboard.tree import Node, Tag, h

MOST, LEFT = 1200, 800  # lines of a log: from so many on it is cut to so many
FIRST = 200  # lines that are shown at once


@dataclass
class Deployments(Page):
    """Every model that can be asked for, and one of them in full."""

    path: ClassVar[str] = "/deployments"
    title: ClassVar[str] = "Deployments"
    every: ClassVar[float | None] = 2.0
    listens: ClassVar[bool] = True

    models: Sequence[Listed] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    text: str = ""  # to be found
    at: int = 0  # the first row that is shown
    findings: Sequence[Mapping[str, Any]] | None = None
    log: list[tuple[int, str]] | None = None
    log_ended: str = ""
    _numbers: int = 0
    _following: Work | None = None
    _explained: str = ""  # the failure that was looked into

    async def look(self) -> None:
        await self._look(fresh=0.9)

    async def _look(self, fresh: float) -> None:
        models: Mapping[str, Any]
        deployed: Sequence[Mapping[str, Any]]
        pulse: Mapping[str, Any]
        models, deployed, pulse = await asyncio.gather(
            self.get("/v1/models", fresh=fresh),
            self.get("/api/deployments", fresh=fresh),
            self.get("/api/pulse", fresh=fresh),
        )
        self.models = listed.every(models["data"], deployed)
        self.waiting = pulse["waiting"]
        self._follow()

    @property
    def chosen(self) -> Listed | None:
        """The model of the address, under any of its names."""
        wanted = self.query.get("model", "")
        return next((one for one in self.models if one.id == wanted), None)

    def view(self) -> Node:
        top = h("h1", self.title, tabindex="-1")
        if not self.models:
            nothing = panels.empty(
                "Nothing can be deployed yet",
                "A model is here once it is fetched. Then its first request loads it.",
                button=h("a.button.primary", "Find a model", href="/dashboard/models"),
                command="ostler pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m",
            )
            return h("div.page", top, nothing)
        one, wanted = self.chosen, self.query.get("model", "")
        missing = wanted and not one
        return h(
            "div.page",
            top,
            panels.notice(f"No model named {wanted} is here.", "bad") if missing else None,
            self._detail(one) if one else None,
            listed.listing(self.models, self.text, self.at, wanted),
        )

    def _detail(self, one: Listed) -> Tag:
        log = detail.log_panel(self.log, f"ostler logs {one.id} --follow", self.log_ended)
        return detail.detail(one, self.desk.origin, self.findings, log)

    # --- acts -------------------------------------------------------------------------------

    async def do_find(self, value: str) -> None:
        self.text, self.at = value, 0

    async def do_page(self, at: int) -> None:
        self.at = at

    async def do_load(self, model: str) -> None:
        self._soon(model, "sizing")
        loaded = await self.ask("POST", _path(model, "load"))
        took = loaded["start_seconds"]
        self.desk.toast(f"{model} is ready on {loaded['device']}" + _after(took))

    async def do_lease(self, model: str, values: Mapping[str, str]) -> None:
        seconds = float(values["seconds"])
        self._soon(model, "sizing")
        await self.ask("POST", _path(model, "load"), seconds=seconds)
        self.desk.toast(f"{model} is ready, for {duration(seconds)}.")

    async def do_unload(self, model: str) -> None:
        await self._look(fresh=0.0)  # what is shown may be older than a pin, or a request
        one = next((one for one in self.models if one.id == model), None)
        if one is None or not await self._sure(one):
            return
        held = one.memory
        ended = await self.ask("POST", _path(model, "unload"))
        if ended["state"] == "draining":
            self.desk.toast(f"{model} takes no new request and ends when it has answered.", "plain")
        else:
            self.desk.toast(f"{model} is unloaded" + (f": {memory(held)} free." if held else "."))

    async def do_pin(self, model: str) -> None:
        await self.ask("PUT", _path(model, "pin"))
        self.desk.toast(f"{model} is pinned: it is kept loaded and never pushed out.")

    async def do_unpin(self, model: str) -> None:
        await self.ask("DELETE", _path(model, "pin"))
        self.desk.toast(f"{model} is not pinned any more. It goes when its room is needed.")

    async def do_why(self, model: str) -> None:
        found = await self.get(f"/api/why/{quote(model, safe='/')}", offline=True)
        self.findings = found["findings"]

    async def _sure(self, one: Listed) -> bool:
        """Ask before requests or a wish are interrupted; what is idle can be loaded again."""
        waits, busy = self.waiting.get(one.id, 0), any(unit["busy"] for unit in one.units)
        said = []
        if busy:
            said.append("It answers requests now; these are finished first.")
        if waits:
            said.append(f"{count(waits, 'request')} for it would have to be asked again.")
        if one.pinned:
            said.append("It is pinned, and stays down until it is loaded or asked for again.")
        if not said:
            return True
        if one.memory:
            said.append(f"{memory(one.memory)} on {one.devices} become free.")
        paragraphs = [h("p", text) for text in said]
        return await self.desk.confirm(f"Unload {one.id}?", *paragraphs, yes="Unload", danger=True)

    def _soon(self, model: str, state: str) -> None:
        """Show at once that it is on its way."""
        self.models = [
            Listed(one.id, state, one.pinned, task=one.task) if one.id == model else one
            for one in self.models
        ]
        self.desk.show()

    # --- the log and the reason of the chosen one ------------------------------------------

    def _follow(self) -> None:
        one = self.chosen
        if one is None:
            return
        if one.state == "failed" and self._explained != one.why:
            self._explained = one.why
            self.desk.spawn(self._explain(one.id))
        may = self.log is not None or self._following is None or one.units
        if may and (self._following is None or self._following.done()):
            self._following = self.desk.spawn(self._read(one.id))

    async def _explain(self, model: str) -> None:
        try:
            await self.do_why(model)
        except OstlerError as error:
            self.findings = [{"state": "fail", "what": error.what, "fix": ""}]
        self.desk.show()

    async def _read(self, model: str) -> None:
        """Follow the log; where the stream ends, the next look begins it again."""
        try:
            stream = self.stream(_path(model, "log"), lines=FIRST, follow=True)
            async with aclosing(stream) as events:
                async for event in events:
                    self._take(event["event"], event["data"]["lines"])
                    self.desk.show()
        except UnknownModel:
            self.log = None
        except OstlerError as error:
            self.log_ended = f"{error.what} It is read again in a moment."

    def _take(self, kind: str, lines: Sequence[str]) -> None:
        """Add lines to the log; all but `more` begins it anew."""
        log = self.log if self.log is not None and kind == "more" else []
        log += enumerate(lines, self._numbers)
        self._numbers += len(lines)
        self.log, self.log_ended = log[-LEFT:] if len(log) > MOST else log, ""


def _path(model: str, verb: str) -> str:
    return f"/api/models/{quote(model, safe='/')}/{verb}"


def _after(seconds: float | None) -> str:
    return f", after {duration(seconds)}." if seconds else "."
