"""The dashboard's pages, in the order of its navigation. A new page is one line here."""

from __future__ import annotations

from ostler.faces.dashboard.page import Page
from ostler.faces.dashboard.pages.activity import Activity
from ostler.faces.dashboard.pages.deployments import Deployments
from ostler.faces.dashboard.pages.fit import Fit
from ostler.faces.dashboard.pages.keys import Keys
from ostler.faces.dashboard.pages.missing import Missing
from ostler.faces.dashboard.pages.models import Models
from ostler.faces.dashboard.pages.overview import Overview
from ostler.faces.dashboard.pages.playground import Playground

PAGES: tuple[type[Page], ...] = (
    Overview,
    Models,
    Fit,
    Deployments,
    Playground,
    Activity,
    Keys,
)


def find(path: str) -> type[Page]:
    """Return the page of a path below /dashboard; one that says so where there is none."""
    return next((page for page in PAGES if page.path == path), Missing)
