"""There is no such page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Missing(Page):
    """Says that there is nothing here, and where to go."""

    path: ClassVar[str] = "/missing"
    title: ClassVar[str] = "Not found"
    operators: ClassVar[bool] = False
    every: ClassVar[float | None] = None

    def view(self) -> Node:
        return h(
            "div.panel.empty",
            h("h1", "There is no such page", tabindex="-1"),
            h("p", "The navigation above leads to all there are."),
            h("a.button", "To the overview", href="/dashboard"),
        )
