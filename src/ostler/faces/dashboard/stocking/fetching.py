"""What the page of models does about hubs: search, plan a pull, begin it, end it, go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ostler.errors import OstlerError
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts.words import file_size
from ostler.faces.dashboard.stocking import hub
from ostler.faces.dashboard.stocking.kept import HERE
from ostler.faces.dashboard.tree import Tag

FRESH = 60.0  # seconds for which a hub is not asked the same again


@dataclass
class Fetching(Page):
    """A page on which models are looked for and fetched."""

    hits: Mapping[str, Any] | None = None
    asking: bool = False  # the hub, just now
    plan: Mapping[str, Any] | None = None
    refused: OstlerError | None = None  # why there is no plan
    accepted: bool = False  # a licence that the policy blocks
    at: int = 0  # the first row that is shown

    async def look_at_the_hub(self) -> None:
        """Ask for what the address names: a plan, or what words find."""
        name, words = self.query.get("plan", ""), self.query.get("words", "")
        if name and self.plan is None and self.refused is None:
            await self._plan({"model": name})
        elif words and self.hits is None and not self.asking:
            await self._search(words)

    async def _plan(self, asked: dict[str, Any]) -> None:
        try:
            self.plan, self.refused = await self.ask("POST", "/api/pulls/plan", asked), None
        except OstlerError as error:
            self.refused = error

    def found(self) -> Tag:
        """Return the plan that is looked at, else the search."""
        words = self.query.get("words", "")
        back = f"{HERE}?view=hub" + (f"&words={quote(words)}" if words else "")
        if self.refused:
            return hub.refused(self.query.get("plan", ""), self.refused, back)
        if self.plan:
            return hub.plan(self.plan, self.accepted, back)
        return hub.searched(words, self.hits, self.at, self.asking)

    # --- acts -------------------------------------------------------------------------------

    async def do_hits(self, at: int) -> None:
        self.at = at

    async def do_search(self, values: Mapping[str, str]) -> None:
        words = values["words"].strip()
        if words:
            self.desk.address(view="hub", words=words)
            await self._search(words)

    async def _search(self, words: str) -> None:
        self.asking, self.at = True, 0
        self.desk.show()
        try:
            self.hits = await self.get("/api/search", fresh=FRESH, words=words, limit=100)
        finally:
            self.asking = False

    async def do_choose(self, value: str) -> None:
        if self.plan:
            await self._plan({"model": self.plan["name"], "quantization": value})

    async def do_plan(self, values: Mapping[str, str]) -> None:
        token = {"token": values["token"]} if values.get("token") else {}
        await self._plan({"model": self.query["plan"], **token})

    async def do_accept(self, value: bool) -> None:
        self.accepted = value

    async def do_pull(self, values: Mapping[str, str]) -> None:
        if self.plan is None:
            return
        name = hub.reference(self.plan)
        asked: dict[str, Any] = {"model": name, "accept_licence": self.accepted, "again": True}
        if values.get("token"):
            asked["token"] = values["token"]
        begun = await self.ask("POST", "/api/pulls", asked)
        size = file_size(self.plan["fetch_bytes"])
        if begun["status"] == "failed":
            self.desk.toast(f"{name} was not fetched: {begun['why']}", "bad")
            return
        self.desk.toast(f"{name} is being fetched: {size}.", "plain")
        self.desk.go(HERE)

    async def do_sample(self, task: str) -> None:
        await self.ask("POST", "/api/samples", {"task": task})
        await self.look()

    async def do_pull_again(self, model: str) -> None:
        await self.ask("POST", "/api/pulls", {"model": model, "again": True})
        await self.look()

    async def do_end_pull(self, model: str) -> None:
        await self.ask("DELETE", f"/api/pulls/{quote(model, safe='/')}")
        self.desk.toast(f"{model} is not fetched any more. What has come is kept.", "plain")
        await self.look()
