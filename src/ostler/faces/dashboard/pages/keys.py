"""Who may call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Keys(Page):
    """Who may call."""

    path: ClassVar[str] = "/keys"
    title: ClassVar[str] = "Keys"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
