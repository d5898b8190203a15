"""The hub as a process: it binds first, says where, and ends when asked."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ostler.errors import PortInUse, UsageError
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.serve import serve
from ostler.faces.listening import listen

PROGRAM = """
import sys
from pathlib import Path
from ostler.faces.hub.folders import FolderRepos
from ostler.faces.hub.serve import serve
how = {"tokens": ("let-me-in",)} if "closed" in sys.argv else {}
serve(FolderRepos(Path(sys.argv[1])), ready=lambda address: print(address, flush=True), **how)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_process_of_its_own(hub_root: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(hub_root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}/api/models/acme/tiny", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(how)
        assert process.wait(10) in (0, -how)
        assert process.stdout.read() + process.stderr.read() == ""


def test_a_hub_with_tokens_serves_their_holders_only(hub_root: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(hub_root), "closed"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        for path in ("/api/models", "/acme/tiny/resolve/main/config.json"):
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(address + path, timeout=10)
            refused.value.close()
            bearer = {"Authorization": "Bearer let-me-in"}
            asked = urllib.request.Request(address + path, headers=bearer)
            with urllib.request.urlopen(asked, timeout=10) as answer:
                assert answer.status == 200
        process.terminate()


def test_a_taken_port_is_told_before_anything_is_served(hub_root: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)):
            serve(FolderRepos(hub_root), port=port, ready=pytest.fail)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_let_in_only_on_purpose(hub_root: Path, host: str) -> None:
    with pytest.raises(UsageError, match="other machines"):
        serve(FolderRepos(hub_root), host, ready=pytest.fail)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0)])
def test_an_address_that_is_not_ours(host: str, port: int) -> None:
    with pytest.raises(UsageError):
        listen(host, port)
