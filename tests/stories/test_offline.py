"""Without a network: what is here is used, what is missing is said, and no socket is opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Done, Shell

NO_SOCKET = """
import sys

def refuse(event, words):
    if event.startswith("socket."):
        raise SystemExit(f"a socket was opened: {event} {words}")

sys.addaudithook(refuse)
from ostler.faces.cli.app import main
main(sys.argv[1:])
"""


def alone(shell: Shell, *words: str, **env: str) -> Done:
    """Run a command that dies at its first socket."""
    done = subprocess.run(
        [sys.executable, "-c", NO_SOCKET, *words],
        env=shell.env | env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "socket was opened" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def test_the_hook_sees_sockets(shell: Shell) -> None:
    with pytest.raises(AssertionError, match="socket was opened"):
        alone(shell, "pull", CHAT, "--dry-run")


def test_pull_without_a_network(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    for words, env in (
        (("pull", CHAT, "--offline"), {}),
        (("--offline", "pull", f"{CHAT}#q8_0"), {}),
        (("pull", CHAT, "--quant", "q8_0"), {"OSTLER_OFFLINE": "1"}),
        (("pull", CHAT), {"HF_HUB_OFFLINE": "1"}),
    ):
        done = alone(shell, *words, **env)
        assert (done.code, "is here" in done.out) == (0, True), (words, done)
    for name in ("ostler/nobody", f"{CHAT}#q2_k", f"{CHAT}@v9", "git:https://127.0.0.1/x/y"):
        missing = alone(shell, "pull", name, "--offline")
        assert missing.code == 44, (name, missing)
        assert "is not kept here" in missing.err
    told = alone(shell, "pull", "ostler/nobody", "--offline", "--json")
    assert '"offline_missing"' in told.out + told.err


def test_other_commands_without_a_network(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    offline = {"OSTLER_OFFLINE": "yes"}
    found = alone(shell, "search", "tiny", "--json", **offline)
    assert (found.code, '"local_results_only": true' in found.out) == (0, True)
    assert "OSTLER_OFFLINE" in found.out
    assert alone(shell, "info", CHAT, **offline).code == 0
    assert alone(shell, "verify", **offline).code == 0
    assert alone(shell, "run", "ostler/nobody", "hello", **offline).code == 44
    assert alone(shell, "files", "ostler/nobody", **offline).code == 44
    outdated = alone(shell, "outdated", **offline)
    assert (outdated.code, "unknown" in outdated.out) == (0, True)
    assert alone(shell, "pull", CHAT, OSTLER_OFFLINE="perhaps").code == 2
    assert '"HF_HUB_OFFLINE"' in alone(shell, "config", "--json", HF_HUB_OFFLINE="on").out


def test_bytes_that_are_gone_are_missing(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    for blob in Path(shell.env["OSTLER_HOME"]).glob("blobs/sha256/*/*"):
        if blob.stat().st_size > 100_000:
            blob.unlink()
    gone = alone(shell, "pull", CHAT, "--offline")
    assert (gone.code, "not whole" in gone.err) == (44, True), gone
