"""Fetching from a shell: capped, watched and ended from another terminal, mended, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.stories.conftest import CHAT, Shell, address_said, end, environment

BIG = "acme/big"
SIZE = 24 * 2**20 + 99
BLOCK = 8 * 2**20


@pytest.fixture(scope="module")
def big_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The shipped hub on one model of four blocks."""
    root = tmp_path_factory.mktemp("hub")
    place = root / BIG / "weights.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(Random(1).randbytes(SIZE))
    home = tmp_path_factory.mktemp("hub-home")
    server = Shell({**os.environ, "OSTLER_HOME": str(home)}).background(
        "hub", "serve", str(root), "--port", "0"
    )
    try:
        yield address_said(server)
    finally:
        end(server)


@pytest.fixture
def shell(tmp_path: Path, big_hub: str) -> Shell:
    return Shell({**environment(tmp_path / "home", big_hub), "OSTLER_PICKLE": "allow"})


def slow_pull(shell: Shell) -> subprocess.Popen[str]:
    """A pull under a cap; return once another terminal sees bytes."""
    pull = shell.background("pull", BIG, "--all", "--max-speed", "4MB/s", "--quiet")
    while not any(one["done_bytes"] for one in shell.ok("downloads", "--json").json()):
        assert pull.poll() is None, pull.communicate()
    return pull


def test_a_download_is_watched_cancelled_and_resumed(shell: Shell) -> None:
    assert "No downloads" in shell.ok("downloads").out
    with slow_pull(shell) as pull:
        (one,) = shell.ok("downloads", "--json").json()
        assert (one["name"], one["running"], one["total_bytes"]) == (BIG, True, SIZE)
        assert BIG in shell.ok("downloads").out
        busy = shell.run("downloads", "resume", one["id"])
        assert busy.code == 24
        assert "ended" in shell.ok("downloads", "cancel", one["id"]).out
        _, said = pull.communicate(timeout=60)
        assert pull.returncode == 36
        assert f"ostler downloads resume {one['id']}" in said
    assert "cancelled" in shell.ok("downloads").out
    shell.env["OSTLER_MAX_SPEED"] = "100MB/s"
    done = shell.run("downloads", "resume", BIG, "--json")
    assert done.code == 0, done.err
    last = json.loads(done.out.splitlines()[-1])
    assert last["event"] == "done"
    assert shell.ok("downloads", "--json").json() == []
    assert shell.ok("verify", "--json").json()[0]["clean"]


def test_one_that_was_killed_is_seen_and_purged(shell: Shell) -> None:
    with slow_pull(shell) as pull:
        pull.send_signal(signal.SIGKILL)
        pull.communicate(timeout=60)
    assert "broken off" in shell.ok("downloads").out
    gone = shell.ok("downloads", "cancel", "--all", "--purge", "--json").json()
    assert gone[0]["freed_bytes"] >= 0
    assert shell.ok("downloads", "--json").json() == []
    assert list((Path(shell.env["OSTLER_HOME"]) / "partial").iterdir()) == []


def test_damage_is_found_and_mended_block_by_block(shell: Shell) -> None:
    shell.ok("pull", BIG, "--all", "--quiet")
    (blob,) = Path(shell.env["OSTLER_HOME"]).glob("blobs/sha256/*/*")
    blob.chmod(0o600)
    with blob.open("r+b") as content:
        content.seek(BLOCK + 4)
        content.write(b"not what was there")
    wrong = shell.run("verify")
    assert wrong.code == 1
    assert f"first wrong in the 8 MiB from byte {BLOCK}" in wrong.out
    assert f"ostler verify {BIG} --repair" in wrong.err
    mended = shell.ok("verify", BIG, "--repair")
    assert "1 of its blocks fetched again, 8.4 MB" in mended.err
    assert "clean" in shell.ok("verify").out
    blob.chmod(0o600)
    blob.write_bytes(b"hardly anything")
    shell.ok("pull", BIG, "--all", "--repair", "--quiet")
    assert "clean" in shell.ok("verify").out


def test_limits_are_kept_and_explained(shell: Shell) -> None:
    refused = shell.run("pull", BIG, "--all", OSTLER_BUDGET="10MB")
    assert refused.code == 35
    assert "budget of 10.0 MB" in refused.err
    assert shell.run("pull", BIG, "--all", "--max-speed", "fast").code == 2
    full = shell.run("pull", BIG, "--all", "--reserve", "900TB", "--json")
    assert json.loads(full.out.splitlines()[-1])["error"]["facts"]["because"]
    assert full.code not in (0, 70)
    planned = shell.ok("pull", BIG, "--all", "--dry-run", OSTLER_BUDGET="1TB").out
    assert "0 B of 1.0 TB used" in planned


def test_a_mirror_stands_in_for_a_hub_that_is_away(shell: Shell, big_hub: str) -> None:
    both = f"http://127.0.0.1:9,{big_hub}"
    assert shell.run("pull", BIG, "--all", HF_ENDPOINT=both).code == 2
    shell.ok("pull", BIG, "--all", "--quiet", OSTLER_ENDPOINT=both)
    assert shell.ok("verify", "--json").json()[0]["clean"]
    assert shell.run("downloads", "cancel", "nothing").code == 2
    assert CHAT not in shell.ok("ls").out
