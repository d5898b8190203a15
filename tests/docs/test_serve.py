"""The page on serving: its file of wishes is one that is accepted, its commands run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml
from tests.stories.conftest import CHAT, ROOT, Shell, address_said, end, environment

from ostler.faces.server import wishes as w

PAGE = (ROOT / "docs/howto/serve.md").read_text()


def test_the_wishes_shown_are_accepted_and_complete() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S)
    wishes = w.checked(yaml.safe_load(text), Path("serve.md"))
    assert set(yaml.safe_load(text)) == set(w.WishesFile.model_fields)
    assert set(yaml.safe_load(text)["policy"]) == set(w.PolicyWish.model_fields)
    assert wishes.pools["big"].share == 0.5


def test_the_commands_run(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    without, served = re.findall(r"```console\n(.*?)```", PAGE, flags=re.S)
    run(without, shell)
    server = shell.background("serve", "--port", "0", "--context", "512")
    try:
        address_said(server)
        run(served, shell)
    finally:
        end(server)


def run(block: str, shell: Shell) -> None:
    """Run a block's commands; what stands below each is in what it says."""
    for part in re.split(r"^\$ ostler ", block, flags=re.M)[1:]:
        words, _, expected = part.strip().partition("\n")
        done = subprocess.run(
            [sys.executable, "-m", "ostler", *words.split()],
            env=shell.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
