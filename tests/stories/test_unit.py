"""What `ostler serve --print-unit` prints is started as systemd would, and serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.exporters.test_systemd import as_systemd_reads
from tests.stories.conftest import Shell, address_said, end

SHOWN = ("OSTLER_", "HF_")


def test_the_unit_runs_what_was_asked_for(shell: Shell, tmp_path: Path) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    log = tmp_path / "served.log"
    asked = ("serve", "--port", "0", "--drain", "3", "--no-dashboard", "--access-log", str(log))
    secret = "postgresql://anna:secret@db/ostler"
    done = shell.run(*asked, "--print-unit", "system", OSTLER_DATABASE=secret)
    assert done.code == 0
    assert f"mkdir -m 700 -p {home}" in done.err
    assert "OSTLER_DATABASE is not in the unit" in done.err
    assert "secret" not in done.out
    assert not home.exists(), "printing starts nothing and makes nothing"

    lines = done.out.splitlines()
    said = dict(
        as_systemd_reads(line.removeprefix("Environment="))[0].split("=", 1)
        for line in lines if line.startswith("Environment=")
    )  # fmt: skip
    assert {
        "OSTLER_HOME": str(home),
        "OSTLER_ENDPOINT": shell.env["HF_ENDPOINT"],
    }.items() <= said.items()
    assert any(line == f"ReadWritePaths={tmp_path}" for line in lines), "the log's folder"
    (start,) = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(SHOWN)}
    server = subprocess.Popen(
        as_systemd_reads(start),
        cwd="/", env=clean | said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address_said(server)
        server.send_signal(signal.SIGHUP)
        health = [sys.executable, "-m", "ostler.programs.health"]
        assert subprocess.run(health, env=clean | said, check=False).returncode == 0
    finally:
        code = end(server, signal.SIGTERM)
    assert (code, log.exists()) == (0, True)


def test_a_unit_of_ones_own(shell: Shell) -> None:
    done = shell.ok("serve", "--print-unit", "user")
    assert "WantedBy=default.target" in done.out
    assert "User=" not in done.out
