"""What a model needs, and where it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Fit(Page):
    """What a model needs, and where it fits."""

    path: ClassVar[str] = "/fit"
    title: ClassVar[str] = "Fit"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
