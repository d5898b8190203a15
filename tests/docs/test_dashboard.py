"""The page on the dashboard: its commands run, and the pages that it lists are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.test_serve import run
from tests.stories.conftest import ROOT, Shell, address_said, end, environment

from ostler.faces.dashboard import pages

PAGE = (ROOT / "docs/howto/dashboard.md").read_text()


def test_the_pages_listed_are_those_there_are() -> None:
    rows = [row.split("|")[1].strip() for row in PAGE.splitlines() if row.startswith("| ")]
    assert rows[1:] == [page.title for page in pages.PAGES]


def test_the_commands_run(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.S):
            run(block, shell)
    finally:
        end(server)


def test_a_server_can_be_without_it(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    server = shell.background("serve", "--port", "0", "--no-dashboard")
    try:
        address_said(server)
        refused = shell.run("dashboard", "--no-open")
        assert refused.code == 2
        assert "runs without its dashboard" in refused.err
    finally:
        end(server)
