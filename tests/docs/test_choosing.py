"""Every command block of these pages runs, in an empty home each."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.docs.test_tour import blocks, run
from tests.stories.conftest import ROOT, Shell, environment


@pytest.mark.parametrize("page", ["choose", "licences", "watch", "terminal"])
def test_the_page(
    page: str, tmp_path: Path, shipped_hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    monkeypatch.chdir(tmp_path)
    found = list(blocks(ROOT / "docs" / "howto" / f"{page}.md"))
    assert len(found) >= 2
    for block in found:
        run(block, shell)
