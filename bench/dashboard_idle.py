"""What the dashboard takes of the server while nothing is done: memory, and shares of a core."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from bench.rows import Row

SPAN = 10.0  # seconds of watching
SETTLES = 3.0  # seconds until what opening costs is over
TABS = 5
LIVE = "window.did_handshake === true"
HIDE = (
    "Object.defineProperty(document, 'hidden', {value: true});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


def idle(browser: Browser, address: str, home: Path) -> list[Row]:
    """Open tabs of the overview and do nothing; the server has had no browser before."""
    server = psutil.Process(json.loads((home / "run/serve.json").read_text())["pid"])
    none_bytes, none_share = _bytes(server), _share(server)
    tabs = [_opened(browser, address)]
    time.sleep(SETTLES)
    one_bytes, one_share = _bytes(server), _share(server)
    tabs += [_opened(browser, address) for _ in range(TABS - 1)]
    time.sleep(SETTLES)
    all_bytes, all_share = _bytes(server), _share(server)
    for tab in tabs:
        tab.evaluate(HIDE)
    time.sleep(SETTLES)
    hidden = _share(server)
    for tab in tabs:
        tab.context.close()
    return [
        Row("memory of the server, no browser yet", _mib(none_bytes), "MiB"),
        Row("memory that NiceGUI and a first tab add", _mib(one_bytes - none_bytes), "MiB"),
        Row("memory that each further tab adds", _mib((all_bytes - one_bytes) / (TABS - 1)), "MiB"),
        Row("share of a core, no browser yet", none_share, "%"),
        Row("share of a core, one tab that is seen", one_share, "%"),
        Row(f"share of a core, {TABS} tabs that are seen", all_share, "%"),
        Row(f"share of a core, {TABS} tabs that are not seen", hidden, "%"),
    ]


def _opened(browser: Browser, address: str) -> Page:
    page = browser.new_context().new_page()
    page.goto(f"{address}/dashboard")
    page.wait_for_function(LIVE)
    return page


def _bytes(server: psutil.Process) -> float:
    """What would be free if the process ended."""
    return float(server.memory_full_info().uss)


def _share(server: psutil.Process) -> float:
    before = server.cpu_times()
    time.sleep(SPAN)
    after = server.cpu_times()
    used = after.user - before.user + after.system - before.system
    return round(100 * used / SPAN, 2)


def _mib(count: float) -> float:
    return round(count / 2**20, 1)
