"""`ostler undo` brings back what ostler.yaml said of the model, with its comments."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from tests.stories.conftest import CHAT, EMBED, Shell, address_said, end
from tests.stories.test_records import ask
from tests.stories.test_serving import until

ID = f"{CHAT}#q8_0"
WISHES = f"""\
# of the house
models:
  {EMBED}: {{ttl: 10m}}   # seldom
  # this one is asked all day
  {ID}:
    context: 512   # enough
    aliases: [house-chat]
  other/one: {{download: true}}
preload:
  - {EMBED}
  - {ID}   # second
"""


@pytest.fixture
def wishes(shell: Shell) -> Path:
    shell.ok("pull", ID, "--quiet")
    path = Path(shell.env["OSTLER_HOME"], "ostler.yaml")
    path.write_bytes(WISHES.encode())
    return path


def test_the_file_is_as_it_was(shell: Shell, wishes: Path) -> None:
    shell.ok("rm", CHAT, "--yes")
    gone = wishes.read_bytes()
    assert ID not in gone.decode()
    assert "+    context: 512   # enough" in shell.ok("undo", "--dry-run").out
    assert wishes.read_bytes() == gone
    done = shell.ok("undo", "--json").json()
    assert (done["changed"], done["notes"]) == ([str(wishes)], [])
    assert wishes.read_bytes() == WISHES.encode()
    shell.ok("rm", CHAT, "--yes")
    wishes.unlink()
    shell.ok("undo")
    assert ID in wishes.read_text()
    assert wishes.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_edited_since_keeps_its_edits(shell: Shell, wishes: Path) -> None:
    shell.ok("rm", CHAT, "--yes")
    wanted = WISHES
    for old, new in (("{ttl: 10m}   # seldom", "{ttl: 20m}   # now and then"), ("the house", "us")):
        assert old in wishes.read_text()
        wishes.write_text(wishes.read_text().replace(old, new))
        wanted = wanted.replace(old, new)
    shell.ok("undo")
    assert wishes.read_text() == wanted


def test_wishes_that_are_there_again_stay(shell: Shell, wishes: Path) -> None:
    shell.ok("rm", CHAT, "--yes")
    mine = wishes.read_text().replace("models:\n", f"models:\n  {ID}: {{context: 64}}\n")
    wishes.write_text(mine)
    done = shell.ok("undo")
    assert f"ostler.yaml names {ID} again; what it says there stays." in done.err
    assert wishes.read_text() == mine
    assert CHAT in shell.ok("ls").out


def test_a_file_that_cannot_be_edited_stops_no_undo(shell: Shell, wishes: Path) -> None:
    shell.ok("rm", CHAT, "--yes")
    wishes.write_text("models: [")
    done = shell.ok("undo")
    assert "ostler.yaml stays as it is" in done.err
    assert '"aliases": ["house-chat"]' in done.err, "it is said what it was"
    assert wishes.read_text() == "models: ["
    assert CHAT in shell.ok("ls").out


def test_purged_wishes_do_not_come_back_with_another(shell: Shell, wishes: Path) -> None:
    shell.ok("pull", EMBED, "--quiet")
    shell.ok("rm", EMBED, "--yes")
    shell.ok("rm", CHAT, "--yes", "--purge")
    shell.ok("undo")
    said = wishes.read_text()
    assert EMBED in said
    assert ID not in said


def test_over_the_api_too_and_the_server_heeds_them(shell: Shell, wishes: Path) -> None:
    wishes.write_text(WISHES.split("preload:")[0])
    server = shell.background("serve", "--port", "0")
    try:
        address = address_said(server)

        def aliases() -> list[str]:
            listed = ask(address).json()["data"]
            return [name for one in listed if one["id"] == ID for name in one["aliases"]]

        until(lambda: "house-chat" in aliases())
        shell.ok("rm", CHAT, "--yes")
        until(lambda: not aliases())
        back = httpx2.post(f"{address}/api/trash/restore", json={}, timeout=60).json()
        assert back["changed"] == [str(wishes)]
        assert wishes.read_text() == WISHES.split("preload:")[0]
        until(lambda: "house-chat" in aliases())
    finally:
        assert end(server) == 0
