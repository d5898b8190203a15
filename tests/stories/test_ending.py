"""Reading a large file again is ended at once, and leaves nothing behind.

The file is a hole of 64 GiB, which costs no disk and takes a minute to read.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.stories.conftest import EMBED, Shell, address_said, end, environment

from ostler.errors import UnknownJob

HOLE = 64 * 2**30  # bytes
ENOUGH = 32 * 2**20  # bytes read: it is in the middle
PATIENCE = 60.0
PULLED = "ostler/tiny-llama"
AT_ONCE = 5.0  # seconds, on a machine with much else to do
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/io").exists(), reason="only Linux tells what a process has read"
)


@pytest.fixture
def large(tmp_path: Path, shipped_hub: str) -> Shell:
    """A home whose one model has a file that is a hole; its hash is not what it was."""
    shell = Shell(environment(tmp_path / "home", shipped_hub))
    shell.ok("pull", EMBED, "--quiet")
    (manifest,) = (tmp_path / "home/models").glob(
        "*/*/*/????????????????????????????????????????.json"
    )
    said = json.loads(manifest.read_bytes())
    (weights,) = [file for file in said["files"] if file["path"].endswith(".gguf")]
    weights["size"] = HOLE
    manifest.write_text(json.dumps(said))
    hole(blob(tmp_path / "home", weights["sha256"]))
    return shell


def blob(root: Path, sha256: str) -> Path:
    return root / "blobs/sha256" / sha256[:2] / sha256


def hole(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    with open(place, "wb") as file:
        file.truncate(HOLE)


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def tree(root: Path) -> set[str]:
    """All files of a home, but those that tell of a running server and of what was done."""
    spared = ("run/", "records", "logs/")
    found = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return {path for path in found if not path.startswith(spared)}


def has_read(pid: int) -> int:
    status = Path(f"/proc/{pid}/io").read_text()
    return int(status.partition("rchar:")[2].split()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_verify_is_interrupted(large: Shell, number: signal.Signals) -> None:
    home = Path(large.env["OSTLER_HOME"])
    before = tree(home)
    child = large.background("verify")
    try:
        began = has_read(child.pid)
        until(lambda: has_read(child.pid) > began + 10 * ENOUGH)
        asked = time.monotonic()
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    print(f"ended after {time.monotonic() - asked:.3f} s")
    assert time.monotonic() - asked < AT_ONCE
    assert child.returncode == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert (out, "Traceback" in err) == ("", False)
    assert tree(home) == before


@pytest.fixture
def served(large: Shell) -> Iterator[tuple[httpx2.Client, Path]]:
    large.env["OSTLER_MAX_SPEED"] = "10kB/s"  # of pulls, so that one is still on its way
    server = large.background("serve", "--port", "0")
    try:
        with httpx2.Client(base_url=address_said(server), timeout=PATIENCE) as client:
            yield client, Path(large.env["OSTLER_HOME"])
    finally:
        assert end(server) == 0


def cancelled_while_it_reads(client: httpx2.Client, path: str, body: dict[str, Any]) -> None:
    begun = client.post(path, json=body)
    assert begun.status_code == 202, begun.text
    id = begun.json()["id"]
    until(lambda: client.get(f"/api/jobs/{id}").json()["done"] > ENOUGH)
    asked = time.monotonic()
    said = client.delete(f"/api/jobs/{id}").json()
    print(f"ended after {time.monotonic() - asked:.3f} s")
    assert time.monotonic() - asked < AT_ONCE
    assert (said["state"], said["error"]) == ("cancelled", None)


def test_work_of_the_server_that_verifies_is_cancelled(served: tuple[httpx2.Client, Path]) -> None:
    client, home = served
    before = tree(home)
    cancelled_while_it_reads(client, f"/api/store/{EMBED}/verify", {})
    assert tree(home) == before
    (one,) = client.get("/api/store").json()["models"]
    assert not one["damaged"]


def test_an_archive_is_cancelled_while_its_copy_is_read_again(
    served: tuple[httpx2.Client, Path], tmp_path: Path
) -> None:
    client, home = served
    before = tree(home)
    there = tmp_path / "there"
    for path in (home / "blobs").rglob("*"):  # an earlier run copied all and was killed
        if path.is_file() and path.stat().st_size == HOLE:
            hole(there / path.relative_to(home))
        elif path.is_file() and not path.is_symlink():
            place = there / path.relative_to(home)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    body = {"to": str(there)}
    cancelled_while_it_reads(client, f"/api/store/{EMBED}/archive", body)
    assert tree(home) == before
    assert not list(there.rglob("*.json")), "no model is said to be there"
    assert not list(there.rglob("*.part"))
    assert client.get("/api/archived").json() == []


def test_a_server_s_jobs_are_seen_and_ended_from_another_terminal(
    served: tuple[httpx2.Client, Path], large: Shell
) -> None:
    client, _ = served
    id = client.post(f"/api/store/{EMBED}/verify", json={}).json()["id"]
    assert client.post("/api/pulls", json={"model": PULLED}).status_code == 202
    asked = client.get("/api/server").json()["pid"]

    def jobs() -> dict[str, Any]:
        return {one["kind"]: one for one in large.ok("jobs", "--json").json()}

    until(lambda: all(one["done"] > 0 for one in jobs().values()) and len(jobs()) == 2)
    seen = jobs()
    assert [seen[kind]["id"] for kind in ("verify", "pull")] == [id, PULLED]
    for one in seen.values():
        assert (one["state"], one["running"], one["by"], one["pid"]) == (
            "running", True, "api", asked,
        )  # fmt: skip
    out = large.ok("jobs").out
    assert id in out
    assert PULLED in out
    assert f"Job {id} verify {EMBED}: reading" in large.ok("status").out
    assert large.ok("jobs", "cancel", id, "--json").json() == {
        "id": id, "model": EMBED, "ended": True,
    }  # fmt: skip
    assert f"{PULLED}: ended." in large.ok("jobs", "cancel", PULLED).out
    assert large.ok("jobs", "--json").json() == []
    assert "No job runs." in large.ok("jobs").out
    came = {one["kind"]: one["state"] for one in large.ok("jobs", "--all", "--json").json()}
    assert came == {"verify": "cancelled", "pull": "cancelled"}
    for gone in (id, PULLED):
        refused = large.run("jobs", "cancel", gone)
        assert refused.code == UnknownJob.exit_code
        assert "has ended: cancelled" in refused.err
