"""Sentences of errors and hints, in which `commands` stand between backticks."""

from __future__ import annotations

from ostler.faces.dashboard.tree import Node, h


def prose(text: str) -> list[Node]:
    """Return a sentence with its commands as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one backtick opens nothing
        return [text]
    return [h("code", part) if at % 2 else part for at, part in enumerate(parts) if part]
