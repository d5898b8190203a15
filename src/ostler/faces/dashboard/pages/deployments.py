"""What runs, and why; start it, stop it, read its log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.tree import Node, h


@dataclass
class Deployments(Page):
    """What runs, and why; start it, stop it, read its log."""

    path: ClassVar[str] = "/deployments"
    title: ClassVar[str] = "Deployments"

    def view(self) -> Node:
        return h("h1", self.title, tabindex="-1")
