"""What a command of ours says while it runs is heard, however long a line of it is."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ostler.faces.server import commands

SAYS = """#!/bin/sh
printf '{"event": "plan", "files": "'
head -c 5000000 /dev/zero | tr '\\0' x
printf '"}\\nplain words\\n'
exit 7
"""


def test_a_plan_of_many_files_is_one_long_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ostler"
    program.write_text(SAYS)
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    heard: list[dict[str, Any]] = []
    assert asyncio.run(commands.run((), os.environ, heard.append)) == (7, "plain words\n")
    assert [(one["event"], len(one["files"])) for one in heard] == [("plan", 5_000_000)]
