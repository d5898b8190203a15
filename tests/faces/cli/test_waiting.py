"""What takes more than a second says so where somebody watches, and leaves no trace."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from ostler.faces.cli.waiting import AFTER

SCRIPT = """
import sys, time
from ostler.faces.cli.waiting import waiting
with waiting("Loading a model", 40.0):
    time.sleep(float(sys.argv[1]))
print("loaded")
"""


def shown(seconds: float, term: str) -> str:
    leader, follower = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(seconds)],
        stdout=follower, stderr=follower, env={**os.environ, "TERM": term, "COLUMNS": "80"},
        check=True,
    )  # fmt: skip
    os.close(follower)
    text = b""
    try:
        while more := os.read(leader, 65536):
            text += more
    except OSError:  # its other end is closed
        pass
    os.close(leader)
    return text.decode()


def test_what_is_waited_for_is_shown_and_erased() -> None:
    text = shown(AFTER + 1.0, "xterm")
    assert re.search(r"Loading a model: \d\.0 s of about 40 s", text)
    assert text.endswith("\r\x1b[Kloaded\r\n"), "the line is erased before anything is printed"


@pytest.mark.parametrize(("seconds", "term"), [(0.05, "xterm"), (AFTER + 0.5, "dumb")])
def test_nothing_is_shown_of_what_is_quick_or_where_a_line_cannot_be_erased(
    seconds: float, term: str
) -> None:
    assert shown(seconds, term) == "loaded\r\n"


def test_nothing_goes_into_a_pipe() -> None:
    words = [sys.executable, "-c", SCRIPT, str(AFTER + 0.5)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("loaded\n", "")
