"""Nothing in the dashboard makes HTML, or a program, of a text."""

from __future__ import annotations

import re
from pathlib import Path

import ostler.faces.dashboard

WAYS = re.compile(
    r"\.(inner|outer)HTML\b|insertAdjacentHTML|v-html|document\.write|createContextualFragment"
    r"|\bui\.(html|markdown|add_\w+_html|run_javascript)\b|\beval\(|new Function"
)


def test_there_is_no_way_from_a_text_to_a_tag() -> None:
    folder = Path(ostler.faces.dashboard.__file__).parent
    sources = [file for file in folder.rglob("*") if file.suffix in (".py", ".js")]
    assert len(sources) > 20
    found = [
        f"{file.name}: {line.strip()}"
        for file in sources
        for line in file.read_text().splitlines()
        if WAYS.search(line)
    ]
    assert found == []
