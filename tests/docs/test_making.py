"""Every command block of the pages on engines, quantizing and speed, in one empty home each."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.docs.test_tour import blocks, run
from tests.stories.conftest import ROOT, Shell, environment


@pytest.mark.parametrize("page", ["quantize", "bench", "engines"])
def test_the_page(page: str, tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = list(blocks(ROOT / "docs" / "howto" / f"{page}.md"))
    assert len(found) >= 2
    for block in found:
        run(block, shell)
