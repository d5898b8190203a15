"""The commands of the page on what fits run as they are written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.docs.test_tour import blocks, run
from tests.stories.conftest import ROOT, Shell, environment

PAGE = ROOT / "docs" / "howto" / "fit.md"


def test_the_page_runs(tmp_path: Path, shipped_hub: str) -> None:
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    titled = list(blocks(PAGE))
    assert titled
    for block in titled:
        run(block, shell)
