"""The real Prometheus scrapes a real server; it answers every panel and takes every rule."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.stories.conftest import CHAT, ROOT, Inn, Shell

from ostler.core.watching import ALERTS, PANELS
from ostler.launchers.ports import free_port

UNPACKED = ROOT / ".consumers/containers/usr/bin"


def program(name: str) -> str:
    found = UNPACKED / name
    path = str(found) if found.exists() else shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not here: make consumers brings Debian's prometheus")
    return path


def test_the_rules_and_the_scraping_are_accepted(shell: Shell, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    shell.ok("export", "prometheus", "--out", str(tmp_path), "--key-file", str(key))
    text = (tmp_path / "prometheus.yml").read_text()
    assert "secret" not in text
    assert len(
        yaml.safe_load((tmp_path / "ostler.rules.yml").read_text())["groups"][0]["rules"]
    ) == (len(ALERTS))
    refused = shell.run("export", "prometheus", "--out", str(tmp_path))
    assert (refused.code, "--force" in refused.err) == (2, True)
    promtool = program("promtool")
    checked = subprocess.run(
        [promtool, "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(ALERTS)} rules found" in checked.stdout


def test_the_dashboard_has_every_panel_once(shell: Shell, tmp_path: Path) -> None:
    shell.ok("export", "grafana", "--out", str(tmp_path / "ostler.json"))
    said = json.loads((tmp_path / "ostler.json").read_text())
    assert [one["title"] for one in said["panels"]] == [one.title for one in PANELS]
    places = {(one["gridPos"]["x"], one["gridPos"]["y"]) for one in said["panels"]}
    assert len(places) == len(PANELS)
    assert "127.0.0.1" not in json.dumps(said)


@pytest.fixture(scope="module")
def prometheus(inn: Inn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes the inn; its address."""
    server = program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    inn.shell.ok("run", CHAT, "Say hello")
    inn.shell.ok("test", CHAT)
    target = inn.address.removeprefix("http://")
    inn.shell.ok("export", "prometheus", "--out", str(folder), "--target", target)
    config = folder / "prometheus.yml"
    config.write_text(config.read_text().replace("scrape_interval: 15s", "scrape_interval: 1s"))
    port = free_port("127.0.0.1", range(22800, 22900))
    words = [server, f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
    with (
        open(folder / "log", "w") as log,
        subprocess.Popen(words, stdout=log, stderr=log) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def ask(address: str, query: str) -> list[dict[str, Any]]:
    said = httpx2.get(f"{address}/api/v1/query", params={"query": query}, timeout=10).json()
    assert said["status"] == "success", (query, said)
    found: list[dict[str, Any]] = said["data"]["result"]
    return found


def test_every_query_is_understood_and_the_metrics_are_there(prometheus: str, inn: Inn) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if ask(prometheus, 'ostler_requests_total{status="200"}'):
                break
        except httpx2.HTTPError:
            pass
        assert time.monotonic() < deadline, "nothing was scraped"
        httpx2.post(
            f"{inn.address}/v1/chat/completions",
            json={"model": CHAT, "messages": [{"role": "user", "content": "Say hello"}]},
            timeout=60,
        )
        time.sleep(0.2)
    for panel in PANELS:
        for query, _ in panel.queries:
            ask(prometheus, query)
    for alert in ALERTS:
        ask(prometheus, alert.query)
    for gauge in ("ostler_device_bytes", "ostler_models_loaded", "ostler_model_state"):
        assert ask(prometheus, gauge), gauge
    assert ask(prometheus, "up == 1")
    named = httpx2.get(f"{prometheus}/api/v1/label/__name__/values", timeout=10).json()["data"]
    asked = " ".join(query for panel in PANELS for query, _ in panel.queries)
    lacking = set(re.findall(r"ostler_\w+", asked)) - set(named)
    assert lacking <= {"ostler_downloads_total"}  # of these there is none before the first
