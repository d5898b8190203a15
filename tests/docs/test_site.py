"""The documentation is built with strict links, from what is installed alone, and reads well."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, ViewportSize, sync_playwright
from tests.stories.conftest import ROOT
from tools import chromium

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize, str], ...] = (
    ("light", WIDE, "light"), ("dark", PHONE, "dark-phone"),
)  # fmt: skip
LOOKED_AT = ("index", "tour", "howto/install", "explanation/stages", "reference/metrics")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, as `make docs` builds them."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_link_leads_somewhere_and_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = {one.relative_to(site).as_posix() for one in site.rglob("*.html")}
    assert {"index.html", "tour.html", "howto/serve.html", "reference/errors.html"} <= pages
    for page in pages:
        text = (site / page).read_text()
        assert "fonts.googleapis" not in text, page
        assert "unpkg.com" not in text, page


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server over a folder; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def wrongs(page: Page, home: str) -> list[str]:
    """What goes wrong on a page from now on: the console's errors, and what leaves the site."""
    found: list[str] = []
    page.on("console", lambda one: found.append(one.text) if one.type == "error" else None)
    page.on(
        "request",
        lambda one: None if one.url.startswith((home, "data:")) else found.append(one.url),
    )
    return found


def test_a_browser_shows_it_in_both_themes_and_on_a_phone(site: Path) -> None:
    if not chromium.ready():
        pytest.skip("NO BROWSER: `make consumers` brings Debian's Chromium, and says why not")
    shots = ROOT / "build/screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    env: dict[str, str | float | bool] = {**os.environ, **chromium.environment()}
    with sync_playwright() as driver, served(site) as home:
        browser = driver.chromium.launch(executable_path=str(chromium.program()), env=env)
        for scheme, size, name in LOOKS:
            page = browser.new_page(color_scheme=scheme, viewport=size)
            wrong = wrongs(page, home)
            for way in LOOKED_AT:
                page.goto(f"{home}/{way}.html")
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size["width"], f"{way} is {wide} wide on {size['width']}"
                page.screenshot(path=shots / f"docs-{way.replace('/', '-')}-{name}.png")
            assert not wrong, wrong
        page.set_viewport_size(WIDE)
        page.keyboard.press("/")
        page.keyboard.type("evict")
        page.wait_for_selector(".md-search-result__item", timeout=20_000)
        browser.close()
