"""From nothing to a chat in the browser, as somebody goes who has read the README and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.dashboard.conftest import Bed, Visits, inspect, served
from tests.stories.conftest import Shell, environment

AT_MOST = 300.0  # seconds; it takes about ten, of which most are the server's and the browser's


def test_from_nothing_to_a_chat(
    visit: Visits, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    begun = time.monotonic()
    env = environment(tmp_path / "home", "http://127.0.0.1:9")  # no hub answers: nothing is fetched
    for bed in served(Bed("", Shell(env))):
        page = visit(bed=bed)
        page.goto("/")  # the address that `ostler serve` says
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        inspect(page, "overview-first")
        follow(page, "Models")
        page.get_by_role("button", name="Keep the tiny model").click()
        expect(page.get_by_role("heading", name="Kept here (1)")).to_be_visible()
        follow(page, "Playground")
        page.get_by_label("Message", exact=True).fill("Say hello")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("log").get_by_text("hello", exact=True)).to_be_visible()
        took = time.monotonic() - begun
        page.goto("about:blank")
    print(f"from nothing to a chat in the browser: {took:.1f} s")
    record_property("seconds", took)
    assert took < AT_MOST


def follow(page: Page, title: str) -> None:
    """Go to a page by the navigation."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
