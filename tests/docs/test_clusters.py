"""The pages on clusters and on Triton: their commands run, in an empty folder and home."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.docs.test_tour import blocks, run
from tests.stories.conftest import ROOT, Shell, environment


@pytest.mark.parametrize(("page", "count"), [("kubernetes", 4), ("triton", 2)])
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
