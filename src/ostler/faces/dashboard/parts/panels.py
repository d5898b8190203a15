"""Panels for the states that every page has: nothing there, still loading, gone wrong."""

from __future__ import annotations

from ostler.errors import OstlerError
from ostler.faces.dashboard.parts.prose import prose
from ostler.faces.dashboard.tree import Child, Node, Tag, act, h


def panel(title: str, *inside: Child, aside: Child = None, key: object = "") -> Tag:
    """Return a part of a page under a heading; `aside` stands at its right."""
    head = h("div.head", h("h2", title), h("div.aside", aside) if aside is not None else None)
    return h("section.panel", head, *inside, key=key)


def empty(title: str, said: Child, *, command: str = "", button: Node | None = None) -> Tag:
    """Say that there is nothing here and what to do next, with the command that does it too."""
    return h(
        "div.panel.empty",
        h("h2", title),
        h("p", said),
        button,
        commanded(command) if command else None,
    )


def commanded(command: str) -> Tag:
    """Show a command to be typed, with a button that copies it."""
    return h(
        "p.command",
        h("code", command),
        h("button.ghost.copy", "Copy", type="button", data_do="copy", data_text=command,
          aria_label=f"Copy the command {command}"),
    )  # fmt: skip


def advised(text: str) -> Tag:
    """Show what to do next: a command to be copied, or a sentence."""
    is_command = text.startswith("ostler ") and ";" not in text and ", " not in text
    return commanded(text) if is_command else h("p.small.muted.advice", prose(text))


def loading(said: str = "Loading") -> Tag:
    """Say that an answer is on its way."""
    return h("div.panel.loading", h("p", said, role="status"), h("div.bones", aria_hidden="true"))


def error(wrong: OstlerError) -> Tag:
    """Say what went wrong, what to do about it, and offer to try again."""
    return h(
        "div.panel.error",
        h("h2", "This could not be shown"),
        h("p", prose(wrong.what)),
        h("p.muted", prose(wrong.hint)) if wrong.hint else None,
        h("button", "Try again", type="button", on_click=act("again")),
        role="alert",
    )


def stale(wrong: OstlerError) -> Tag:
    """Say that what is shown is from before, and why."""
    return h(
        "p.notice.bad", f"What you see is from before: {wrong.what}", role="status", key="stale"
    )


def notice(text: str, kind: str = "warn") -> Tag:
    """Return a sentence that is to be noticed; `kind` is warn, bad or plain."""
    words = {"warn": "Warning", "bad": "Error"}
    return h(f"p.notice.{kind}", h("strong", f"{words[kind]}: ") if kind in words else None,
             prose(text))  # fmt: skip
