"""Who did what, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Activity(Page):
    """Who did what, when, and why."""

    path: ClassVar[str] = "/activity"
    title: ClassVar[str] = "Activity"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
