"""Try a model: chat with one or two, embed lines, rank documents."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ostler.errors import OstlerError, UsageError
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.playing import chat, chat_view, lines_view, models, vectors
from ostler.faces.dashboard.playing.chat import Talk, Turn
from ostler.faces.dashboard.playing.models import Asked
from ostler.faces.dashboard.playing.playing import KINDS, Lines, Playing
from ostler.faces.dashboard.tree import Node, Tag, h

PACE = 0.08  # seconds between two looks at an answer that is coming
TASKS = {"chat": "chat", "embed": "embed", "rerank": "rerank"}


@dataclass
class Playground(Page):
    """Try a model."""

    path: ClassVar[str] = "/playground"
    title: ClassVar[str] = "Playground"
    operators: ClassVar[bool] = False

    said: Mapping[str, Any] = field(default_factory=lambda: {"data": []})

    def __post_init__(self) -> None:
        self.state: Playing = self.desk.kept.setdefault("playground", Playing())
        kind, self.wanted = self.query.get("kind", ""), self.query.get("model", "")
        if kind in KINDS:
            self.state.kind = kind

    async def look(self) -> None:
        self.said = await self.get("/v1/models", fresh=0.0 if self.state.going else 1.0)
        if self.wanted:
            self._take_wanted()
        self._settle()

    def _models(self, kind: str) -> list[Asked]:
        return models.listed(self.said, TASKS[kind])

    def _take_wanted(self) -> None:
        """The model that the page's address names is chosen, whatever it is for."""
        wanted, self.wanted = self.wanted, ""
        for kind in KINDS:
            model = models.found(self._models(kind), wanted)
            if model is None:
                continue
            self.state.kind = kind
            if kind != "chat":
                getattr(self.state, kind).model = model.id
            elif not self.state.talks or self.state.talks[0].model != model.id:
                self.state.talks = [self.state.talk(model.id), *self.state.talks[1:]]

    def _settle(self) -> None:
        """Choose a model where none was chosen."""
        first = models.chosen(self._models("chat"), "")
        if not self.state.talks and first:
            self.state.talks = [self.state.talk(first.id)]
        for kind in ("embed", "rerank"):
            lines: Lines = getattr(self.state, kind)
            any_one = models.chosen(self._models(kind), lines.model)
            if not lines.model and any_one:
                lines.model = any_one.id

    # --- what it shows ----------------------------------------------------------------------

    def view(self) -> Node:
        return h("div.playground", h("h1", self.title, tabindex="-1"), self._kinds(), self._shown())

    def _kinds(self) -> Tag:
        return h(
            "nav.tabs",
            [
                h("a", title, href=f"/dashboard/playground?kind={kind}",
                  aria_current="true" if kind == self.state.kind else None)
                for kind, title in KINDS.items()
            ],
            aria_label="What to try",
        )  # fmt: skip

    def _shown(self) -> Node:
        kind, has_key = self.state.kind, bool(self.desk.caller.key)
        known, address = self._models(kind), self.desk.caller.asking.gateway
        if not known and not (kind == "chat" and any(t.turns for t in self.state.talks)):
            return models.none(kind, self.desk.caller.operates)
        if kind == "embed":
            return lines_view.embeddings(self.state.embed, known, address, has_key)
        if kind == "rerank":
            return lines_view.reranking(self.state.rerank, known, address, has_key)
        return chat_view.chat(self.state, known, address, has_key)

    # --- chat -------------------------------------------------------------------------------

    def do_nothing(self, values: Mapping[str, Any]) -> None:
        """Settings are taken one by one as they are changed."""

    def do_set(self, field: str, value: str) -> None:
        self.state.fields[field] = value

    def do_draft(self, value: str) -> None:
        self.state.draft = value

    def do_model(self, at: int, value: str) -> None:
        self.state.talks[at].model = value

    def do_compare(self) -> None:
        known, own = self._models("chat"), self.state.talks[0].model
        other = next((one for one in known if one.id != own), known[0])
        self.state.talks = [self.state.talks[0], self.state.talk(other.id)]

    def do_single(self) -> None:
        self._stop(self.state.talks[1:])
        self.state.talks = self.state.talks[:1]

    def do_clear(self) -> None:
        self._stop(self.state.talks)
        self.state.talks = [self.state.talk(talk.model) for talk in self.state.talks]

    def do_stop(self) -> None:
        self._stop(self.state.talks)

    async def do_repeat(self, at: int, number: int) -> None:
        """Ask once more what failed."""
        talk = self.state.talks[at]
        if talk.going or not number < len(talk.turns):
            return
        prompt = talk.turns[number].prompt
        talk.turns = [turn for turn in talk.turns if turn is not talk.turns[number]]
        await self._send(prompt, [talk])

    async def do_send(self, values: Mapping[str, Any]) -> None:
        prompt = str(values.get("message", "")).strip()
        if prompt and not self.state.going:
            await self._send(prompt, self.state.talks)

    async def _send(self, prompt: str, talks: list[Talk]) -> None:
        """Ask models at the same moment; it goes on though another page is shown meanwhile."""
        try:
            wanted = chat.settings(self.state.fields)
            turns = [(talk, talk.ask(prompt, time.monotonic())) for talk in talks]
        except UsageError:  # the message goes back to where it was written
            self.state.draft, self.state.times = prompt, self.state.times + 1
            raise
        self.state.draft = ""
        works = [asyncio.create_task(self._answer(talk, turn, wanted)) for talk, turn in turns]
        for talk, work in zip(talks, works, strict=True):
            self.state.work[talk.number] = work
        self.desk.show()
        try:
            await asyncio.wait(works)
        finally:
            for work in works:
                work.cancel()  # where the tab is gone
        await self.look()  # a model may have been loaded for it

    async def _answer(self, talk: Talk, turn: Turn, wanted: chat.Settings) -> None:
        body = chat.streamed(talk.body(wanted))
        events = self.desk.caller.stream("/v1/chat/completions", body, method="POST")
        shown = 0.0
        try:
            async with aclosing(events):
                async for event in events:
                    now = time.monotonic()
                    turn.take(event["data"], now)
                    if not turn.going:
                        break
                    if now - shown >= PACE:
                        shown = now
                        self.desk.show()
            turn.end()
        except OstlerError as error:
            turn.fail(f"{error.what} {error.hint}".strip(), time.monotonic())
        finally:
            turn.stop()
            self.desk.show()

    def _stop(self, talks: list[Talk]) -> None:
        """End answers: the gateway sees that nobody listens, and the engine stops."""
        for talk in talks:
            if talk.going:
                talk.going.stop()
                self.state.work[talk.number].cancel()

    # --- vectors and ranks --------------------------------------------------------------------

    def do_pick(self, kind: str, value: str) -> None:
        getattr(self.state, kind).model = value

    async def do_embed(self, values: Mapping[str, Any]) -> None:
        lines = self.state.embed
        lines.text = str(values.get("text", ""))

        async def work() -> None:
            given = vectors.lines(lines.text, vectors.MOST_LINES, "line")
            asked = {"model": lines.model, "input": list(given)}
            said, seconds = await self._asked("/v1/embeddings", asked)
            lines.embedded = vectors.embedded(lines.model, given, said, seconds)

        await self._work(lines, work())

    async def do_rerank(self, values: Mapping[str, Any]) -> None:
        lines = self.state.rerank
        lines.text, lines.query = str(values.get("text", "")), str(values.get("query", "")).strip()

        async def work() -> None:
            given = vectors.lines(lines.text, vectors.MOST_DOCUMENTS, "document")
            asked = {"model": lines.model, "query": lines.query, "documents": list(given)}
            said, seconds = await self._asked("/v1/rerank", asked)
            lines.ranked = vectors.ranked(lines.model, lines.query, given, said, seconds)

        await self._work(lines, work())

    async def _work(self, lines: Lines, work: Any) -> None:
        lines.busy, lines.wrong = True, None
        self.desk.show()
        try:
            await work
        except OstlerError as error:
            lines.wrong, lines.embedded, lines.ranked = error, None, None
        finally:
            lines.busy = False

    async def _asked(self, path: str, body: Mapping[str, Any]) -> tuple[Any, float]:
        """Return the gateway's answer and the seconds it took. Raises what it refuses with."""
        begun = time.monotonic()
        async with self.desk.caller.request("POST", path, body) as answer:
            content = await answer.aread()
        return json.loads(content), time.monotonic() - begun
