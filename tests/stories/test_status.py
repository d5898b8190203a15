"""`ostler` alone and `ostler status`: what is here, what to do next, and what to look at."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from tests.stories.conftest import CHAT, EMBED, Inn, Shell

from ostler.nouns import Download
from ostler.store import Store

SMI = """#!/bin/sh
echo "index, name, memory.total [MiB], memory.free [MiB], driver_version, compute_cap"
echo "0, NVIDIA L4, 23034 MiB, 500 MiB, 550.54.14, 8.9"
"""


def left_behind(shell: Shell) -> str:
    """Leave what a killed download leaves; return its id."""
    now = time.time()
    store = Store(Path(shell.env["OSTLER_HOME"]))
    one = Download("0000000a", EMBED, "0" * 40, None, (EMBED,), "here", 1, now, now, 5, 10)
    store.downloads.tell(one)
    return one.id


def commands(tour: str) -> list[list[str]]:
    return [line.split()[1:] for line in re.findall(r"^  (ostler \S[^ ].*?)(?:  |$)", tour, re.M)]


def test_the_tour_of_an_empty_home(shell: Shell) -> None:
    out = shell.ok().out
    assert "keeps none yet" in out
    assert ["demo"] in commands(out)
    assert not Path(shell.env["OSTLER_HOME"]).exists(), "looking makes nothing"


def test_the_tour_of_a_home_in_use(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    shell.ok("pull", EMBED, "--quiet")
    id, home = left_behind(shell), Path(shell.env["OSTLER_HOME"])
    home.chmod(0o755)
    out = shell.ok().out
    assert re.search(rf"kept +2 models: {CHAT}#q8_0, {EMBED}", out), "what can chat comes first"
    assert f"ostler downloads resume {id}" in out
    assert f"chmod 700 {home}" in out
    assert ["serve"] in commands(out)
    assert ["run", f"{CHAT}#q8_0"] in commands(out)
    assert ["demo"] not in commands(out)


def test_the_tour_beside_a_server(inn: Inn) -> None:
    inn.shell.ok("load", CHAT)
    out = inn.shell.ok().out
    assert f"{inn.address}/v1" in out
    assert f"{inn.address}/dashboard" in out
    assert f"{CHAT}#q8_0 (ready)" in " ".join(out.split())  # wherever its lines are broken
    (test,) = [words for words in commands(out) if words[0] == "test"]
    assert "OK" in inn.shell.ok(*test).out, "its advice can be followed"


def test_the_tour_needs_no_heavy_module(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    words = [sys.executable, "-X", "importtime", "-m", "ostler"]
    done = subprocess.run(words, env=shell.env, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint(
        {"fastapi", "pydantic", "sqlalchemy", "huggingface_hub", "rich", "yaml", "http.client"}
    )


def test_the_status_of_rents_and_of_what_was_broken_off(shell: Shell) -> None:
    book = ["cost", "book", "qwen3-8b", "--hours", "2", "--usd", "3.00", "--yes"]
    shell.ok(*book)
    id = left_behind(shell)
    found = shell.ok("status", "--json", OSTLER_MONTHLY_USD="3").json()
    (rent,) = found["rents"]
    assert 7000 < rent["seconds_left"] <= 7200
    assert (rent["so_far_cents"] < 20, rent["booked_cents"]) == (True, 300)
    assert found["month"]["standing"] == "near"
    warnings = "\n".join(found["warnings"])
    assert "$3.00 of the budget of $3.00" in warnings
    assert f"ostler downloads resume {id}" in warnings
    out = shell.ok("status").out
    assert re.search(r"qwen3-8b .* 1 h 5\d min", out)
    assert f"Download {id} {EMBED}: broken off, 50 % of 10 B." in out


def test_the_status_of_a_server(inn: Inn) -> None:
    inn.shell.ok("load", CHAT, "--duration", "1h")
    found = inn.shell.ok("status", "--json").json()
    assert found["server"]["address"] == inn.address
    (model,) = [one for one in found["models"] if one["id"] == f"{CHAT}#q8_0"]
    assert 0 < model["lease_seconds"] <= 3600
    assert sum(one["held_bytes"] for one in found["devices"]) >= model["memory_bytes"]
    assert f"Dashboard at {inn.address}/dashboard" in inn.shell.ok("status").out


def test_a_gpu_that_is_nearly_full_is_told(shell: Shell, tmp_path: Path) -> None:
    smi = tmp_path / "bin/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(SMI)
    smi.chmod(0o755)
    path = f"{smi.parent}:{shell.env['PATH']}"
    assert "NVIDIA L4" in shell.ok("hw", PATH=path).out
    warnings = shell.ok("status", "--json", PATH=path).json()["warnings"]
    assert any("is taken" in text and "L4" in text for text in warnings), warnings
