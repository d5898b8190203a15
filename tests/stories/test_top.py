"""`ostler top` in a real terminal: it shows the fleet, follows it, and leaves by q."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time

from tests.stories.conftest import CHAT, Inn, Shell

from ostler.faces.cli.top import Look


def test_once_without_a_terminal(inn: Inn) -> None:
    inn.shell.ok("load", CHAT)
    out = inn.shell.ok("top").out
    assert f"{CHAT}#q8_0" in out
    assert "ready" in out
    assert "\x1b" not in out
    fleet = json.loads(inn.shell.ok("top", "--json").out)
    assert {one["id"] for one in fleet["models"]} >= {f"{CHAT}#q8_0"}


def test_live_until_q(inn: Inn) -> None:
    inn.shell.ok("load", CHAT)
    leader, follower = pty.openpty()
    env = inn.shell.env | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    words = [sys.executable, "-m", "ostler", "top", "--every", "0.2"]
    with subprocess.Popen(words, env=env, stdin=follower, stdout=follower, stderr=follower) as top:
        os.close(follower)
        assert seen(leader, CHAT)
        assert seen(leader, "0.0")  # the second look has a rate
        os.write(leader, b"q")
        seen(leader, "\x1b[?1049l")  # the terminal as it was
        assert top.wait(timeout=20) == 0
    os.close(leader)


def seen(terminal: int, text: str) -> bool:
    """Read until the terminal has shown a text; say whether it did."""
    shown, deadline = "", time.monotonic() + 30
    while text not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                shown += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # its other end is closed
                break
    return text in shown


def test_no_server_is_a_sentence(shell: Shell) -> None:
    done = shell.run("top")
    assert "ostler serve" in done.err
    assert done.code != 0


def test_a_rate_needs_two_looks() -> None:
    def look(at: float, requests: int) -> Look:
        return Look(at, {"models": [{"id": "m", "requests": requests}]})

    assert look(1, 5).per_second(None, "m") is None
    assert look(3, 9).per_second(look(1, 5), "m") == 2
    assert look(3, 0).per_second(look(1, 5), "m") == 0  # its engine was started anew
    assert look(3, 5).per_second(look(1, 5), "n") == 0
