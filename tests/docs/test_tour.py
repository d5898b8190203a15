"""Every command block of the tour runs, in the order of the page, in one empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.stories.conftest import ROOT, Shell, address_said, end, environment

TOUR = ROOT / "docs" / "tour.md"


@dataclass(frozen=True)
class Block:
    """One console block: its section's title, its commands, and what each must print."""

    title: str
    commands: tuple[tuple[str, str], ...]  # (command, expected output)


def blocks(page: Path) -> Iterator[Block]:
    for section in re.split(r"^## ", page.read_text(), flags=re.M)[1:]:
        title = section.partition("\n")[0]
        for text in re.findall(r"```console\n(.*?)```", section, flags=re.S):
            parts = re.split(r"^\$ ", text, flags=re.M)[1:]
            yield Block(title, tuple(part.strip().partition("\n")[::2] for part in parts))


def run(block: Block, shell: Shell) -> None:
    for command, expected in block.commands:
        done = subprocess.run(
            ["bash", "-c", command], env=shell.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert expected in done.stdout, (command, done.stdout)


def test_the_tour(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = list(blocks(TOUR))
    assert {block.title for block in found} >= {"Find", "Know", "Ask", "Serve", "Remove"}
    for block in found:
        if block.title != "Serve":
            run(block, shell)
            continue
        server = shell.background("serve", "--port", "0")
        try:
            address_said(server)
            run(block, shell)
            assert server.wait(timeout=60) == 0  # the block's last command stopped it
        finally:
            end(server)


@pytest.mark.parametrize(
    "page",
    [
        *("downloads.md", "keep.md", "move.md", "backup.md", "keys.md", "measure.md"),
        *("gateway.md", "install.md"),
    ],
)
def test_a_howto(
    tmp_path: Path, shipped_hub: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks(ROOT / "docs" / "howto" / page):
        run(block, shell)
