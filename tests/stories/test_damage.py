"""Damage under a running server: it answers on, says once what helps, and needs no new start."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
from tests.stories.conftest import CHAT, EMBED, Shell, address_said, end
from tests.stories.test_records import answer, ask, made
from tests.stories.test_serving import until


def findings(shell: Shell, check: str) -> list[dict[str, Any]]:
    found = shell.run("doctor", "--offline", "--json").json()["findings"]
    return [one for one in found if one["check"] == check]


def counted(address: str, key: str) -> int:
    """The requests that the records know of."""
    found = ask(address, key, "/api/usage")
    return sum(one["requests"] for one in found.json()) if found.status_code == 200 else -1


def test_damaged_records_cost_no_request_and_no_restart(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    anna = shell.ok("keys", "create", "anna", "--json").json()["key"]
    home = Path(shell.env["OSTLER_HOME"])
    path = home / "ostler.db"
    server = shell.background("serve", "--port", "0")
    try:
        address = address_said(server)
        own = json.loads((home / "run/serve.json").read_text())["key"]

        def probes() -> tuple[str, str]:
            return ask(address, path="/ready").json()["records"], ask(
                address, path="/health"
            ).json()["records"]

        assert probes() == ("ok", "ok")
        assert answer(address, anna).status_code == 200
        until(lambda: counted(address, own) == 1)

        # a part of it: what can be read is saved, the keys too
        with closing(sqlite3.connect(path)) as connection:
            asked = "SELECT rootpage FROM sqlite_master WHERE name = 'attempts'"
            (root,) = connection.execute(asked).fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            until(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        with path.open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(bytes(size))
        (finding,) = findings(shell, "records")
        assert (finding["state"], "ostler rebuild" in finding["fix"]) == ("fail", True)
        assert ask(address, path="/metrics", key=own).status_code == 200
        done = shell.ok("rebuild", "--json").json()["records"]
        assert (done["rows"]["keys"], done["short"]) == (1, ["attempts"])
        assert findings(shell, "records")[0]["state"] == "ok"
        assert answer(address, anna).status_code == 200
        until(lambda: counted(address, own) == 2)

        # all of it: the server's keys stay in force, and what it counts waits
        for one in home.glob("ostler.db*"):
            if "damaged" not in one.name:
                one.write_bytes(b"no database at all" * 500)
        until(lambda: probes() == ("unavailable", "unavailable"))
        for _ in range(3):
            assert answer(address, anna).status_code == 200
        assert ask(address, path="/ready").status_code == 200
        assert "cannot be used" in shell.ok("status").out
        assert [one["state"] for one in findings(shell, "records")] == ["fail"]
        assert "fail" in [one["state"] for one in findings(shell, "server")]
        assert "set aside" in shell.ok("rebuild").out
        until(lambda: probes() == ("ok", "ok"))
        assert answer(address, anna).status_code == 200
        until(lambda: counted(address, own) == 4)
        assert "hold no keys any more" in shell.ok("status").out
        bert = made(shell, "bert")
        assert answer(address, bert).status_code == 200
        assert answer(address, anna).status_code == 401
    finally:
        server.terminate()
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0
    assert said.count("cannot be used: file is not a database") == 1, said
    assert said.count("`ostler rebuild`") == 1, said
    assert said.count("can be used again") == 1, said


def test_a_damaged_manifest_ends_no_server(shell: Shell) -> None:
    for name in (CHAT, EMBED):
        shell.ok("pull", name, "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        address = address_said(server)

        def warned() -> bool:
            said = ask(address, path="/api/server").json()["warnings"]
            return any("is damaged and cannot be read" in one for one in said)

        (path,) = Path(shell.env["OSTLER_HOME"], "models/hf", EMBED).glob("?" * 40 + ".json")
        whole = path.read_bytes()
        path.unlink()
        path.write_bytes(b"{")
        until(warned)
        known = {one["id"].partition("#")[0] for one in ask(address).json()["data"]}
        assert known == {CHAT, EMBED}
        body = {"model": EMBED, "input": "x"}
        assert httpx2.post(f"{address}/v1/embeddings", json=body, timeout=60).status_code == 200
        path.unlink()
        path.write_bytes(whole)
        until(lambda: not warned())
    finally:
        assert end(server) == 0
