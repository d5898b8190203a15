"""A chat at a real terminal (a pseudo-terminal), ended politely and by Ctrl-C."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.stories.conftest import CHAT, Shell

PATIENCE = 60.0  # seconds for the next words on the screen
ECHO = 3  # where termios keeps the local modes


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self.screen, inside = pty.openpty()
        # A session of its own, with this terminal as its controlling one: so Ctrl-C reaches it.
        argv = ["setsid", "--ctty", "--wait", sys.executable, "-m", "ostler", *words]
        self.process = subprocess.Popen(
            argv, stdin=inside, stdout=inside, stderr=inside, env=shell.env
        )
        os.close(inside)
        self.seen = ""
        self.heard = 0  # letters of it that were waited for

    def until(self, words: str) -> None:
        """Read the screen until the words appear on it, after those waited for before."""
        while (at := self.seen.find(words, self.heard)) < 0:
            assert select.select([self.screen], [], [], PATIENCE)[0], self.seen
            self.seen += os.read(self.screen, 4096).decode(errors="replace")
        self.heard = at + len(words)

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def ended(self) -> int:
        """Read to the end and return the exit code."""
        with suppress(OSError):  # the terminal is gone with its last program
            while text := os.read(self.screen, 4096):
                self.seen += text.decode(errors="replace")
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def chat(shell: Shell) -> Iterator[Terminal]:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    terminal = Terminal(shell, "run", CHAT, "--temperature", "0")
    terminal.until(">>> ")
    yield terminal
    os.close(terminal.screen)


def test_it_answers_line_by_line_until_bye(chat: Terminal) -> None:
    chat.type("Say hello\n")
    chat.until("\r\nhello")
    chat.until(">>> ")
    chat.type("/new\n")
    chat.until(">>> ")
    chat.type("Say goodbye\n")
    chat.until("\r\ngoodbye")
    chat.until(">>> ")
    chat.type("/bye\n")
    assert chat.ended() == 0


def test_ctrl_c_ends_it_and_leaves_the_terminal_as_it_was(chat: Terminal) -> None:
    chat.type("\x03")
    chat.until("Stopped.")
    assert termios.tcgetattr(chat.screen)[ECHO] & termios.ECHO
    assert chat.ended() == 130
