"""How soon the dashboard is seen and answers, in the Chromium that its tests use; what it takes.

A cold visit is a browser that has never been here: nothing is cached. A warm one comes again. Paint
is the browser's own first contentful paint, from the moment that the address was asked for. The
first visitor after a server's start is shown at once that it starts: NiceGUI is imported then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tools import chromium

from bench.dashboard_idle import idle
from bench.kept import home
from bench.rows import Row, median

AT_MOST = 1.0  # seconds to the first paint
STARTS = 3  # servers whose first visitor is measured
PAGES = ("", "/models", "/fit", "/deployments", "/playground", "/activity", "/keys")
LIVE = "window.did_handshake === true"
# The first paint of a tab, whatever is shown after that.
FIRST = """new PerformanceObserver((list) => {
  sessionStorage.first ??= performance.timeOrigin + list.getEntries()[0].startTime;
}).observe({type: "paint", buffered: true});"""
SEEN = """() => ({
  first: Number(sessionStorage.first),
  page: performance.timeOrigin +
    performance.getEntriesByName("first-contentful-paint")[0].startTime,
  live: performance.timeOrigin + performance.now(),
  first_byte: performance.timeOrigin + performance.getEntriesByType("navigation")[0].responseStart,
  bytes: performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0),
  requests: performance.getEntriesByType("resource").length + 1,
})"""


def rows(rounds: int) -> list[Row]:
    """Visit every page cold and warm, and walk through them."""
    if not chromium.ready():
        raise SystemExit("NO BROWSER: `make consumers` brings Debian's Chromium, and says why not")
    env: dict[str, str | float | bool] = {**os.environ, **chromium.environment()}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home(Path(folder))
        browser = driver.chromium.launch(executable_path=str(chromium.program()), env=env)
        started = [_first_of_all(browser, Path(folder)) for _ in range(STARTS)]
        with _server(Path(folder)) as address:
            unused = idle(browser, address, Path(folder))
        with _server(Path(folder)) as address:
            _visit(browser.new_context(), f"{address}/dashboard")
            cold: list[dict[str, float]] = []
            warm: list[dict[str, float]] = []
            walked: list[float] = []
            for number in range(rounds):
                context = browser.new_context()
                page = PAGES[number % len(PAGES)]
                cold.append(_visit(context, f"{address}/dashboard{page}"))
                warm.append(_visit(context, f"{address}/dashboard{page}"))
                walked += _walk(context, address)
                context.close()
        browser.close()
    return [
        _paint("first paint, the server's first visitor", started),
        _seconds("the page itself, the server's first visitor", started, "page"),
        _paint("first paint, cold", cold),
        _paint("first paint, warm", warm),
        _seconds("of the cold: until the server's first byte", cold, "first_byte"),
        _seconds("of the warm: until the server's first byte", warm, "first_byte"),
        _seconds("until the page is live, cold", cold, "live"),
        _seconds("until the page is live, warm", warm, "live"),
        Row("from a click to the next page", round(median(walked), 3), "s"),
        Row("fetched, cold", round(median([one["bytes"] for one in cold]) / 1000, 1), "kB"),
        Row("fetched, warm", round(median([one["bytes"] for one in warm]) / 1000, 1), "kB"),
        Row("requests, cold", median([one["requests"] for one in cold]), ""),
        *unused,
    ]


def _paint(measure: str, visits: list[dict[str, float]]) -> Row:
    value = median([one["first"] for one in visits])
    return Row(measure, round(value, 3), "s", target=f"<= {AT_MOST:g} s", ok=value <= AT_MOST)


def _seconds(measure: str, visits: list[dict[str, float]], name: str) -> Row:
    return Row(measure, round(median([one[name] for one in visits]), 3), "s")


def _first_of_all(browser: Browser, home: Path) -> dict[str, float]:
    with _server(home) as address:
        context = browser.new_context()
        found = _visit(context, f"{address}/dashboard")
        context.close()
        return found


def _visit(context: BrowserContext, address: str) -> dict[str, float]:
    """Open a page in a new tab; times in seconds from when it was asked for."""
    page = context.new_page()
    page.add_init_script(FIRST)
    begun = time.time() * 1000
    page.goto(address)
    page.wait_for_function(LIVE)
    seen: dict[str, Any] = page.evaluate(SEEN)
    page.close()
    moments = ("first", "page", "live", "first_byte")
    return {name: (value - begun) / 1000 if name in moments else value
            for name, value in seen.items()}  # fmt: skip


def _walk(context: BrowserContext, address: str) -> list[float]:
    """Go from page to page by its links; return the seconds that each took to be there."""
    page = context.new_page()
    page.goto(f"{address}/dashboard")
    page.wait_for_function(LIVE)
    took = [_click(page, title) for title in ("Models", "Fit", "Playground", "Overview")]
    page.close()
    return took


def _click(page: Page, title: str) -> float:
    link = page.get_by_role("link", name=title, exact=True)
    wanted = page.get_by_role("heading", name=title, exact=True)
    begun = time.perf_counter()
    link.click()
    wanted.wait_for()
    return time.perf_counter() - begun


@contextmanager
def _server(home: Path) -> Iterator[str]:
    """Run a server on this home; give its address."""
    words = [sys.executable, "-m", "ostler", "serve", "--port", "0"]
    env = {**os.environ, "OSTLER_HOME": str(home), "NO_COLOR": "1"}
    server = subprocess.Popen(
        words, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout
        found = [word for word in server.stdout.readline().split() if word.startswith("http")]
        yield found[0].removesuffix("/v1")
    finally:
        server.terminate()
        server.communicate(timeout=60)
