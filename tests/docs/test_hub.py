"""The page on the hub: each server it shows is started and asked, each other command is run."""

from __future__ import annotations

import re
import shlex
import shutil
import urllib.request
from pathlib import Path

import pytest
from tests.docs.test_tour import blocks
from tests.stories.conftest import ROOT, SHIPPED, Shell, address_said, end, environment

PAGE = ROOT / "docs/howto/hub.md"
COMMANDS = [command for block in blocks(PAGE) for command in block.commands]
SERVERS = [command for command, _ in COMMANDS if " hub serve " in command]
FIRST = re.findall(r"^\$ (.*)$", PAGE.read_text().partition("## ")[0], flags=re.M)


@pytest.fixture
def shell(tmp_path: Path, shipped_hub: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Someone in a folder with all that the page names."""
    for name in ("readers.txt", "operators.txt"):
        (tmp_path / name).write_text(f"hf_{name}\n")
    shutil.copytree(SHIPPED / "ostler/tiny-embed", tmp_path / "models/acme/tiny")
    monkeypatch.chdir(tmp_path)
    return Shell(environment(tmp_path / "home", shipped_hub))


@pytest.mark.parametrize("command", [*FIRST, *SERVERS])
def test_a_hub_that_the_page_shows_serves(shell: Shell, shipped_hub: str, command: str) -> None:
    shell.ok("pull", "ostler/tiny-llama", "--quiet")
    words = shlex.split(command, comments=True)[1:]
    words = [shipped_hub if word == "https://huggingface.co" else word for word in words]
    hub = shell.background(*words, "--port", "0")
    try:
        address = address_said(hub).replace("0.0.0.0", "127.0.0.1")
        asked = urllib.request.Request(
            f"{address}/api/models", headers={"Authorization": "Bearer hf_readers.txt"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            found = answer.read().decode()
        assert ("acme/tiny" if "./models" in command else "ostler/tiny-llama") in found
    finally:
        assert end(hub) == 0


def test_the_other_commands_run(shell: Shell) -> None:
    assert len(SERVERS) == 3
    rest = [(command, expected) for command, expected in COMMANDS if command not in SERVERS]
    rest = [one for one in rest if one[0] not in FIRST]
    assert rest
    for command, expected in rest:
        words = shlex.split(command)
        assert words[0] == "ostler"
        assert expected in shell.ok(*words[1:]).out
