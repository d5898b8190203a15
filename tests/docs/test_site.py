"""The documentation is built with strict links, from nothing but what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.stories.conftest import ROOT


def test_the_site_is_built_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*.html")}
    assert {"index.html", "tour.html", "howto/serve.html", "reference/errors.html"} <= pages
    for page in pages:
        text = (tmp_path / page).read_text()
        assert "fonts.googleapis" not in text, page
        assert "unpkg.com" not in text, page
