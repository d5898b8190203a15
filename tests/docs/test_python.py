"""Every Python block of the page runs, in the page's order, against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, ROOT, Shell, address_said, end, environment

PAGE = (ROOT / "docs/howto/python.md").read_text()


def test_the_page(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    assert len(blocks) >= 6
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        fetched = "client.download_model"
        (first,) = [one for one in blocks if fetched in one]
        ordered = [blocks[0], first, *(one for one in blocks[1:] if one is not first)]
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(ordered)],
            env=shell.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        shell.run("stop", "--all")
        end(server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello") >= 3
    assert "available" in done.stdout
    assert CHAT in PAGE


@pytest.mark.parametrize("name", ["download_model", "stream", "estimate", "AsyncOstler", "Lamini"])
def test_the_page_shows_what_people_look_for(name: str) -> None:
    assert name in PAGE
