"""The pages on files for others, on keeping them in sync and on adding: every command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.docs.test_tour import blocks, run
from tests.stories.conftest import ROOT, Shell, environment


@pytest.mark.parametrize(("page", "count"), [("write-down", 5), ("sync", 2), ("add", 5)])
def test_the_page(
    page: str, count: int, tmp_path: Path, shipped_hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = list(blocks(ROOT / "docs/howto" / f"{page}.md"))
    assert len(found) == count
    monkeypatch.chdir(tmp_path)
    for block in found:
        run(block, shell)
