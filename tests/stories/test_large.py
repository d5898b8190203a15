"""A file of more than 4 GiB, of which most is a hole: offsets are not cut, memory is bounded."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.stories.conftest import Shell, address_said, end, environment

HOLE = 4 * 2**30  # bytes
TAIL = Random(1).randbytes(9 * 2**20 + 99)
MOST = 150 * 10**6  # bytes of memory
MODEL = "acme/large"

PEAK = """
import sys
from pathlib import Path
from ostler.faces.cli.app import main
try:
    main(sys.argv[1:])
finally:
    status = Path("/proc/self/status").read_text()
    sys.stderr.write("peak " + status.partition("VmHWM:")[2].split()[0])
"""


def peak(shell: Shell, *words: str) -> tuple[str, int]:
    """Run a command; return what it printed and the most memory it had, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words],
        env=shell.env, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, 1024 * int(done.stderr.rpartition("peak ")[2])


def sparse(place: Path, tail: bytes = b"") -> Path:
    place.parent.mkdir(parents=True)
    with open(place, "wb") as file:
        file.truncate(HOLE)
        file.seek(HOLE)
        file.write(tail)
    return place


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_more_than_four_gibibytes(tmp_path: Path) -> None:
    served = sparse(tmp_path / "hub" / MODEL / "pytorch_model.bin", TAIL)
    sha256 = hashlib.sha256()
    zeros = bytes(2**20)
    for _ in range(HOLE // len(zeros)):
        sha256.update(zeros)
    half = sha256.hexdigest()
    sha256.update(TAIL)

    home = tmp_path / "home"  # an earlier pull came to the end of the hole
    part = sparse(home / "partial" / f"{sha256.hexdigest()}.part")
    part.with_suffix(".marks").write_text(f"{HOLE} {half}\n")
    state = served.stat()
    memory = {
        f"sha256:{os.path.realpath(served)}": [
            [state.st_size, state.st_mtime_ns, state.st_ino], sha256.hexdigest()
        ]
    }  # fmt: skip
    (tmp_path / "hub-home").mkdir()
    (tmp_path / "hub-home" / "hub-hashes.json").write_text(json.dumps(memory))
    other = Shell({**os.environ, "OSTLER_HOME": str(tmp_path / "hub-home")})
    hub = other.background("hub", "serve", str(tmp_path / "hub"), "--port", "0")
    try:
        shell = Shell(environment(home, address_said(hub)) | {"OSTLER_PICKLE": "allow"})
        said, most = peak(shell, "pull", MODEL, "--all", "--json")
        status = Path(f"/proc/{hub.pid}/status").read_text()
        assert 1024 * int(status.partition("VmHWM:")[2].split()[0]) < MOST
    finally:
        end(hub)
    assert json.loads(said.splitlines()[-1])["fetched_bytes"] == len(TAIL)
    assert most < MOST
    said, most = peak(shell, "verify", "--json")
    assert json.loads(said)[0]["clean"]
    assert most < MOST
    (listed,) = shell.ok("ls", "--json").json()
    assert listed["bytes"] == HOLE + len(TAIL)
