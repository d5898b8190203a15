"""What the server does now, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Overview(Page):
    """What the server does now, and what to do next."""

    path: ClassVar[str] = ""
    title: ClassVar[str] = "Overview"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
