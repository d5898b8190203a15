"""Who may call: keys with their roles, grants and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from ostler.errors import OstlerError
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts import keyviews
from ostler.faces.dashboard.tree import Node, act, h


@dataclass
class Keys(Page):
    """Who may call."""

    path: ClassVar[str] = "/keys"
    title: ClassVar[str] = "Keys"
    every: ClassVar[float | None] = 5.0

    all: Sequence[Mapping[str, Any]] = ()
    made: tuple[str, str] | None = None  # name and key, until its reader has it
    ours: bool = False  # what was made is what this browser must sign in with now
    wrong: OstlerError | None = None  # with the form
    times: int = 0  # that the form was made anew
    at: int = 0
    ended: bool = False  # show those, too
    why: str = ""

    async def look(self) -> None:
        if self.made and self.ours:
            return  # we may not ask any more, and the key must stay to be seen
        self.all = await self.get("/api/keys", fresh=0.0 if self.made else 1.0, revoked=True)

    @property
    def _open(self) -> bool:
        """Whether the server needs no key."""
        return not self.desk.caller.key

    def view(self) -> Node:
        shown = [key for key in self.all if self.ended or key["revoked_at"] is None]
        shown = sorted(shown, key=lambda key: (key["revoked_at"] is not None, key["name"]))
        return h(
            "div.stack.keys",
            h("div.bar-top", h("h1", self.title, tabindex="-1"), self._switch()),
            keyviews.once(*self.made, self.ours) if self.made else None,
            h("section.panel", keyviews.keys(shown, self.at, self.desk.caller.name), key="keys")
            if shown else keyviews.none() if self._open and not self.made else None,
            None if self.made else keyviews.form(self.times, self._open, self.wrong),
            keyviews.roles(),
            h("p.muted", "Keys of a file (--keys) or of OSTLER_API_KEY are not listed here."),
        )  # fmt: skip

    def _switch(self) -> Node | None:
        number = sum(key["revoked_at"] is not None for key in self.all)
        if not number:
            return None
        return h("button.ghost", "Hide ended keys" if self.ended else f"Show {number} ended",
                 type="button", aria_pressed="true" if self.ended else "false",
                 on_click=act("ended"))  # fmt: skip

    def do_ended(self) -> None:
        self.ended, self.at = not self.ended, 0

    def do_page(self, at: int) -> None:
        self.at = max(0, int(at))

    async def do_create(self, values: Mapping[str, Any]) -> None:
        self.wrong, first = None, self._open
        try:
            said = await self.ask("POST", "/api/keys", keyviews.wanted(values))
        except OstlerError as error:
            self.wrong = error
            return
        self.ours, self.made, self.times = first, (said["name"], said["key"]), self.times + 1
        await self.look()

    def do_seen(self) -> None:
        self.made = None

    async def do_enter(self) -> None:
        """Sign this browser in with the key that was made."""
        if self.made:
            caller = replace(self.desk.caller, key=self.made[1])
            said = await caller.ask("POST", "/api/dashboard/tickets")
            link = urlsplit(said["url"])
            self.desk.leave(f"{link.path}?{link.query}")

    async def do_rotate(self, name: str) -> None:
        said = (
            "The new key may the same. The old one ends at once: whoever uses it must have the new."
        )
        if not await self.desk.confirm(f"Rotate the key of {name}?", said, yes="Rotate it"):
            return
        answer = await self.ask("POST", f"/api/keys/{quote(name, safe='')}/rotate")
        self.made, self.ours = (answer["name"], answer["key"]), name == self.desk.caller.name
        await self.look()

    def do_why(self, value: str) -> None:
        self.why = value

    async def do_revoke(self, name: str) -> None:
        self.why = ""
        said = [
            h("p", f"Requests with it are refused from now on. {self._ends(name)}".strip()),
            h("label.field", h("span", "Why (kept in the history)"),
              h("input", type="text", name="why", maxlength="200", autocomplete="off",
                on_change=act("why"))),
        ]  # fmt: skip
        title = f"Revoke the key of {name}?"
        if not await self.desk.confirm(title, *said, yes="Revoke it", danger=True):
            return
        await self.ask("DELETE", f"/api/keys/{quote(name, safe='')}", why=self.why or None)
        self.desk.toast(f"The key of {name} is no longer accepted.")
        if name != self.desk.caller.name:
            self.all = await self.get("/api/keys", revoked=True)

    def _ends(self, name: str) -> str:
        """What else ends with a key."""
        in_force = [key for key in self.all if key["revoked_at"] is None]
        operators = [key["name"] for key in in_force if key["role"] == "operator"]
        said = ["It is the one that you use: you will be signed out."]
        said = said if name == self.desk.caller.name else []
        if operators == [name]:
            said.append("It is the last operator's key listed here; "
                        "ostler keys create, on the server's machine, makes another.")  # fmt: skip
        return " ".join(said)
