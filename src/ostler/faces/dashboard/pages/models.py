"""The models that are known and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Models(Page):
    """The models that are known and kept."""

    path: ClassVar[str] = "/models"
    title: ClassVar[str] = "Models"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
