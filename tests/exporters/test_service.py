"""The unit of the server says exactly what was asked for, and systemd takes it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exporters.test_systemd import as_systemd_reads, read, words

from ostler.exporters.service import SECRETS, service

ARGV = ("/usr/bin/python3", "-m", "ostler", "serve", "--allow-host", "a b%c$d")
ENV = {"OSTLER_HOME": "/srv/my models%$"}


@pytest.mark.parametrize("user", ["anna", None])
def test_systemd_takes_it(user: str | None, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("NO SYSTEMD: the unit of the server was not verified; apt install systemd")
    home = tmp_path / "my models%$"
    unit = tmp_path / "ostler.service"
    argv = (shutil.which("python3") or "/bin/sh", *ARGV[1:])
    unit.write_text(service(argv, ENV, str(home), "root" if user else None))
    way = ["--system" if user else "--user"]
    done = subprocess.run(
        [analyze, *way, "--man=no", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "ostler" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@given(st.lists(words, min_size=1, max_size=5), words)
def test_words_and_places_come_back_as_they_were(argv: list[str], name: str) -> None:
    unit = read(service(argv, {"OSTLER_HOME": f"/srv/{name}"}, f"/srv/{name}", "anna"))
    lines = unit["Service"]
    assert as_systemd_reads(lines["ExecStart"]) == argv
    assert lines["EnvironmentFile"].replace("%%", "%") == f"-/srv/{name}/{SECRETS}".rstrip()


def test_it_is_the_systems_or_the_users() -> None:
    system, user = read(service(ARGV, ENV, "/h", "anna")), read(service(ARGV, ENV, "/h", None))
    assert system["Service"]["User"] == "anna"
    assert "User" not in user["Service"]
    assert system["Service"]["ReadWritePaths"] == "/h"
    text = service(ARGV, ENV, "/h", "anna")
    assert "Environment=TRITON_CACHE_DIR=/h/cache/triton" in text, "what may be written"
    assert "ReadWritePaths" not in user["Service"], "a user's own systemd may not mount"
    targets = (system["Install"]["WantedBy"], user["Install"]["WantedBy"])
    assert targets == ("multi-user.target", "default.target")
    for unit in (system, user):
        assert unit["Service"]["NoNewPrivileges"] == "yes"


def test_running_answers_have_their_time() -> None:
    unit = read(service(ARGV, ENV, "/h", "anna", drain=100.0))
    assert int(unit["Service"]["TimeoutStopSec"]) > 100
    assert unit["Service"]["KillMode"] == "process", "the next server takes engines over"
