"""The dashboard in Debian's Chromium, on a real `ostler serve` that keeps the three shipped models.

    def test_models_are_listed(page: Page) -> None:
        page.goto("/dashboard/models")                  # addresses are the server's
        expect(page.get_by_role("row")).to_have_count(4)
        inspect(page, "models")                         # axe and screenshots, light, dark, phone

`page` fails its test if the console shows an error, a script throws, or a request fails or is
answered by 400 or more; `page.allowed.append("part of the line")` lets one through. `phone` is the
same, 390 px wide; `visit(scheme="dark")` opens more pages, each with cookies of its own. `bed` is
the server (`bed.address`, `bed.shell.ok("ps")`), which needs no key. `guarded` is one that does:
`visit(bed=guarded, key=guarded.operator)`, or `guarded.user`, who may ask the chat model alone.
`fresh` is one for a single test to spoil.

`axe(page)` is the list of violations, `shot(page, name)` writes build/screenshots/NAME-*.png;
`inspect` does both and wants no violation. `make consumers` brings the browser and axe; where they
cannot be had these tests are skipped, loudly. Nothing here sleeps: `expect` polls.

While the browser runs, asyncio has a running loop in this thread, so tests that call `asyncio.run`
live in tests/faces/dashboard and not here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tools import chromium

from tests.stories.conftest import (
    CHAT,
    EMBED,
    RERANK,
    ROOT,
    Shell,
    address_said,
    end,
    environment,
    shipped_hub,
)

__all__ = ["shipped_hub"]  # a fixture of the stories

SCREENSHOTS = ROOT / "build/screenshots"
AXE = ROOT / ".consumers/axe/node_modules/axe-core/axe.min.js"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE = 20_000  # milliseconds for anything to appear, on a machine with much else to do
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ("color-contrast",)
Scheme = Literal["light", "dark"]
expect.set_options(timeout=PATIENCE)


@dataclass
class Bed:
    """A running server with the three tiny models kept."""

    address: str
    shell: Shell
    operator: str = ""  # keys, where it needs them
    user: str = ""
    process: subprocess.Popen[str] | None = None


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    if not chromium.ready():
        pytest.skip("NO BROWSER: `make consumers` brings Debian's Chromium, and says why not")
    env = {**os.environ, **chromium.environment()}
    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=str(chromium.program()), env=env)
        yield one
        one.close()


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory, shipped_hub: str) -> Path:
    """A home that keeps the three models; servers run on copies of it."""
    one = tmp_path_factory.mktemp("dashboard") / "home"
    for model in (f"{CHAT}#q8_0", EMBED, RERANK):
        Shell(environment(one, shipped_hub)).ok("pull", model, "--quiet")
    return one


@pytest.fixture(scope="package")
def bed(home: Path, shipped_hub: str) -> Iterator[Bed]:
    """A server that needs no key: everybody on this machine operates."""
    place = shutil.copytree(home, home.with_name("bed"), symlinks=True)
    yield from served(Bed("", Shell(environment(place, shipped_hub))))


@pytest.fixture(scope="package")
def guarded(home: Path, shipped_hub: str) -> Iterator[Bed]:
    """A server that needs keys."""
    place = shutil.copytree(home, home.with_name("guarded"), symlinks=True)
    shell = Shell(environment(place, shipped_hub))
    operator = shell.ok("keys", "create", "olga", "--role", "operator").out.strip()
    user = shell.ok("keys", "create", "udo", "--models", CHAT).out.strip()
    yield from served(Bed("", shell, operator, user))


@pytest.fixture
def fresh(home: Path, shipped_hub: str, tmp_path: Path) -> Iterator[Bed]:
    """A server for one test, which may change it for good; it needs no key."""
    place = shutil.copytree(home, tmp_path / "home", symlinks=True)
    yield from served(Bed("", Shell(environment(place, shipped_hub))))


def served(bed: Bed) -> Iterator[Bed]:
    server = bed.shell.background("serve", "--port", "0")
    try:
        bed.address, bed.process = address_said(server), server
        for _ in range(2):  # the first visitor sees the frame alone, the second waits for the page
            httpx2.get(f"{bed.address}/dashboard", timeout=60)
        yield bed
    finally:
        assert end(server) == 0, (
            bed.shell.env["OSTLER_HOME"],
            "how it ended is in its logs, or above",
        )


@dataclass
class Visits:
    """The pages that a test has open, and what went wrong on them."""

    browser: Browser
    bed: Bed
    contexts: list[BrowserContext] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def __call__(
        self,
        *,
        bed: Bed | None = None,
        key: str = "",
        scheme: Scheme = "light",
        size: dict[str, int] | None = None,
        **more: Any,
    ) -> Page:
        """Open a page with cookies and storage of its own; `more` as `new_context` takes it.

        With a key it is signed in, as `ostler dashboard` does it.
        """
        context = self.browser.new_context(
            base_url=(bed or self.bed).address,
            color_scheme=scheme,
            viewport=size or DESK,
            reduced_motion="reduce",
            **more,
        )
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        page = self.watched(context.new_page())
        if key:
            shown = {"authorization": f"Bearer {key}"}
            made = context.request.post("/api/dashboard/tickets", headers=shown)
            page.goto(made.json()["url"])
        return page

    def watched(self, page: Page) -> Page:
        """Note whatever goes wrong on a page."""
        page.faults, page.allowed = faults, _ = [], []  # type: ignore[attr-defined]
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "requestfailed",
            lambda one: (
                "ERR_ABORTED" in (one.failure or "")  # left by a navigation
                or faults.append(f"{one.method} {one.url}: {one.failure}")
            ),
        )
        page.on(
            "response",
            lambda one: one.status >= 400 and faults.append(f"{one.status} of {one.url}"),
        )
        self.pages.append(page)
        return page

    def close(self) -> list[str]:
        """Close them all and return what went wrong and was not allowed."""
        wrong = [
            fault
            for page in self.pages
            for fault in page.faults  # type: ignore[attr-defined]
            if not any(part in fault for part in page.allowed)  # type: ignore[attr-defined]
        ]
        for context in self.contexts:
            context.close()
        return wrong


@pytest.fixture
def visit(browser: Browser, bed: Bed) -> Iterator[Visits]:
    """Opens pages; see `Visits`."""
    visits = Visits(browser, bed)
    try:
        yield visits
    finally:
        wrong = visits.close()
    assert not wrong, wrong


@pytest.fixture
def page(visit: Visits) -> Page:
    """A page of the server that needs no key, on a desk."""
    return visit()


@pytest.fixture
def phone(visit: Visits) -> Page:
    """The same on a phone."""
    return visit(size=PHONE, is_mobile=True, has_touch=True)


def live(page: Page, address: str) -> None:
    """Open a page of the dashboard and wait until it hears: before that it is only a picture."""
    page.goto(address)
    page.wait_for_function(
        "document.querySelector('#app')?.__vue_app__ && window.socket?.connected"
    )


def axe(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe finds wrong on the page as it is, or by these rules alone: the rule and
    where, each in one line.
    """
    if not AXE.is_file():
        pytest.skip("NO AXE: `make consumers` brings axe-core where there is npm")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    only = {"type": "rule" if rules else "tag", "values": [*rules] or RULES}
    found = page.evaluate(
        "only => axe.run(document, {runOnly: only, resultTypes: ['violations'], preload: false})",
        only,
    )
    return [
        f"{one['id']}: {one['help']}: {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def shot(page: Page, name: str) -> None:
    """Write build/screenshots/NAME-light.png, -dark.png and -phone.png of the page as it is."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        _picture(page, f"{name}-{scheme}")
    page.emulate_media(color_scheme="light")
    desk = page.viewport_size
    page.set_viewport_size(PHONE)
    _picture(page, f"{name}-phone")
    page.set_viewport_size(desk or DESK)


def inspect(page: Page, name: str) -> None:
    """Write the screenshots of a page; axe must find nothing in either theme, nor on a phone."""
    wrong: dict[str, list[str]] = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wrong[scheme] = axe(page, CONTRAST if scheme == "dark" else ())  # else they are the same
        _picture(page, f"{name}-{scheme}")
    page.emulate_media(color_scheme="light")
    desk = page.viewport_size
    page.set_viewport_size(PHONE)
    page.evaluate("scrollTo(0, 0)")  # what the head covers has less than its size
    wrong["phone"] = axe(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    _picture(page, f"{name}-phone")
    page.set_viewport_size(desk or DESK)
    assert not any(wrong.values()), wrong
    assert wide <= PHONE["width"], f"{name} is {wide} px wide on a phone"


def _picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, animations="disabled")
