"""Every stage has a page, every page's commands run in some test, and figures are computed."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from tests.stories.conftest import ROOT

from ostler.faces.cli.app import ostler

DOCS = ROOT / "docs"
TESTS = Path(__file__).parent
STAGES = (DOCS / "explanation/stages.md").read_text()
LOOKING = ("test_stages.py", "test_site.py")  # they name pages, and run none
PAGES = sorted(path.stem for path in (DOCS / "howto").glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_every_page_run(page: str) -> None:
    """A page with commands is named by a test that runs the blocks of the pages it names."""
    text = (DOCS / "howto" / f"{page}.md").read_text()
    blocks = re.findall(r"^```(?:console|python)$", text, flags=re.M)
    assert blocks, f"{page}.md shows nothing that can be tried"
    named = re.compile(rf"[\"/]{page}(\.md)?\"")
    running = [one for one in TESTS.glob("test_*.py") if one.name not in LOOKING]
    runs = [one.name for one in running if named.search(one.read_text())]
    assert runs, f"no test runs {page}.md"


def test_every_page_is_a_stage_or_says_how_to_begin() -> None:
    linked = set(re.findall(r"\.\./howto/([a-z-]+)\.md", STAGES))
    assert linked == set(PAGES) - {"install"}, "docs/explanation/stages.md lists every page"


def test_every_command_of_a_stage_is_there() -> None:
    root = click.Context(ostler)
    rows = [row.split("|")[2] for row in STAGES.splitlines() if row.startswith("| ")][2:]
    commands = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    assert len(commands) > 30
    for text in commands:
        words = [word for word in text.split() if word.islower() and word != "ostler"]
        assert text.startswith("POST ") or ostler.get_command(root, words[0]), text


def test_the_number_of_measured_rows() -> None:
    rows = (ROOT / "src/ostler/data/calibration/measured_memory.csv").read_text().splitlines()
    for page in (DOCS / "explanation/peers.md", DOCS / "howto/fit.md", ROOT / "bench/README.md"):
        said = re.findall(r"(\d+) (?:measured rows|rows of measured)", page.read_text())
        assert {int(number) for number in said} == {len(rows) - 1}, page
