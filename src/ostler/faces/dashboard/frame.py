"""What is around every page: navigation, theme, whether it is live, questions and news; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from ostler.errors import OstlerError
from ostler.faces.dashboard import pages
from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.parts import panels
from ostler.faces.dashboard.parts.prose import prose
from ostler.faces.dashboard.tree import Node, Tag, act, h

SHOWN = 6.0  # seconds that news of what was done stay
BASE = "/dashboard"


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked before something is interrupted or gone."""

    title: str
    said: tuple[Node, ...]
    yes: str
    danger: bool


@dataclass(frozen=True, slots=True)
class Toast:
    """News in a corner."""

    number: int
    text: str
    kind: str


@dataclass
class State:
    """What a tab holds beside its page."""

    operates: bool
    who: str  # the key's name; empty where none is needed
    page: type[Page] = Page
    looked: bool = False  # the page has something to show
    failed: OstlerError | None = None  # the last look
    question: Question | None = None
    toasts: tuple[Toast, ...] = ()
    _numbers: count[int] = field(default_factory=count)

    def say(self, text: str, kind: str) -> int:
        """Add news; return their number."""
        number = next(self._numbers)
        self.toasts = (*self.toasts[-3:], Toast(number, text, kind))
        return number

    def put_away(self, number: int) -> None:
        """Take news away."""
        self.toasts = tuple(one for one in self.toasts if one.number != number)


def around(page: Page, state: State) -> Tag:
    """Return a page with all that is around it."""
    return _framed(page.title, state, _content(page, state))


def waiting(page: type[Page], state: State) -> Tag:
    """Return a page that has not looked yet, without anything that can be done on it."""
    inside = h("div.page", h("h1", page.title, tabindex="-1"), panels.loading())
    return _framed(page.title, state, inside)


def _framed(title: str, state: State, inside: Node) -> Tag:
    return h(
        "div.app",
        h("a.skip", "Skip to the page", href="#main"),
        _header(state),
        h(
            "main#main",
            h("p.lost", "The server does not answer. This page goes on by itself when it is back.",
              role="status"),
            inside,
            tabindex="-1",
        ),
        h("div.toasts", [_toast(one) for one in state.toasts], role="status", aria_live="polite"),
        _asked(state.question) if state.question else None,
        data_title=f"{title} · Ostler",
    )  # fmt: skip


def _content(page: Page, state: State) -> Node:
    if page.operators and not state.operates:
        said = "This page is an operator's, and this key is a user's."
        refused = panels.empty(said, "The playground is yours.")
        return h("div.page", _title(page), refused, key=page.path)
    if state.failed and not state.looked:
        return h("div.page", _title(page), panels.error(state.failed), key=page.path)
    if not state.looked:
        return h("div.page", _title(page), panels.loading(), key=page.path)
    stale = panels.stale(state.failed) if state.failed else None
    return h("div.page", stale, page.view(), key=page.path)


def _title(page: Page) -> Tag:
    return h("h1", page.title, tabindex="-1")


def _header(state: State) -> Tag:
    return h(
        "header.top",
        h("a.brand", "Ostler", href=BASE),
        h("button.ghost.menu", "Menu", type="button", data_do="menu", aria_expanded="false",
          aria_controls="nav"),
        h("nav#nav", [_link(one, state) for one in pages.PAGES], aria_label="Pages"),
        h("div.who", _theme(), _signed_in(state)),
    )  # fmt: skip


def _link(page: type[Page], state: State) -> Node | None:
    if page.operators and not state.operates:
        return None
    here = "page" if page is state.page else None
    return h("a", page.title, href=f"{BASE}{page.path}", aria_current=here)


def _theme() -> Tag:
    def choice(name: str, text: str) -> Tag:
        return h("button.ghost", text, type="button", data_do="theme", data_theme_to=name)

    return h(
        "div.theme",
        choice("light", "Light"),
        choice("dark", "Dark"),
        role="group",
        aria_label="Colours",
    )


def _signed_in(state: State) -> Node | None:
    if not state.who:
        return None
    return h(
        "form.signout",
        h("span.muted", state.who),
        h("button.ghost", "Sign out", type="submit"),
        method="post",
        action=f"{BASE}/signout",
    )


def _toast(toast: Toast) -> Tag:
    words = {"good": "Done", "bad": "Failed", "plain": "Note"}
    return h(
        f"div.toast.{toast.kind}",
        h("strong.visually-hidden", f"{words.get(toast.kind, 'Note')}: "),
        h("span", prose(toast.text)),
        h("button.ghost", "Close", type="button", aria_label="Close this message",
          on_click=act("put-away", number=toast.number)),
        key=toast.number,
    )  # fmt: skip


def _asked(question: Question) -> Tag:
    return h(
        "dialog.ask",
        h("h2#asked", question.title),
        h("div.said", question.said),
        h(
            "div.buttons",
            h("button", "Cancel", type="button", on_click=act("no"), autofocus=True),
            h("button.danger" if question.danger else "button.primary", question.yes,
              type="button", on_click=act("yes")),
        ),
        data_modal=True,
        aria_labelledby="asked",
        on_cancel=act("no"),
        key="question",
    )  # fmt: skip
