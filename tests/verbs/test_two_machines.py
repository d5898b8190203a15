"""Two machines on one shared folder, each with process ids and a host name of its own.

Each "machine" is a process in new PID, mount and UTS namespaces, so both have the same process
ids, and no id of one means anything to the other. What keeps them apart is locks on files alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ostler.core import refs
from ostler.core.blocks import BLOCK
from ostler.errors import Busy
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.testing.faults import Stall
from ostler.verbs import downloads, pull
from ostler.verbs.verify import verify

Hub = Any  # the fixture of tests/conftest.py
BIG, SMALL = "acme/tiny-GGUF", "acme/tiny"
FILE = "tiny-Q4_K_M.gguf"
CONTENT = b"GGUF" + Random(3).randbytes(2 * BLOCK)
ROUNDS = 4

MACHINE = """
import os, socket, sys
socket.sethostname(sys.argv[3])
from pathlib import Path
from ostler.core import refs
from ostler.errors import Busy, UnknownModel
from ostler.sources.huggingface import HuggingFace
from ostler.store import Store
from ostler.verbs import gc, pull, remove, verify

address, home, name, act, rounds = sys.argv[1:]
source, store = HuggingFace(address), Store(Path(home))

def pulled(model):
    pull.carry_out(pull.plan(refs.parse(model), source, store), source, store)

def tidied():
    try:
        gc.carry_out(gc.plan(store, 0.0, force=True), store, 0.0)
    except Busy:
        pass  # the other one pulls

print(os.getpid(), flush=True)
for number in range(int(rounds)):
    if act == "pull":
        pulled("acme/tiny-GGUF")
    if act == "churn":
        pulled("acme/tiny")
        for manifest in store.manifests():
            if manifest.name == "acme/tiny":
                assert verify.verify(store, manifest) == (), manifest
        try:
            ref = refs.parse("acme/tiny")
            remove.carry_out(remove.plan(ref, store), store)
        except (Busy, UnknownModel):
            pass
        tidied()
"""


def machine(hub: Hub, home: Path, name: str, act: str, rounds: int = 1) -> subprocess.Popen[str]:
    """Start a machine of this name."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("only root can make namespaces, with util-linux's unshare")
    words = ["unshare", "--pid", "--mount", "--uts", "--fork", "--mount-proc", "--kill-child"]
    code = [sys.executable, "-c", MACHINE, hub.address, str(home), name, act, str(rounds)]
    started = subprocess.Popen([*words, *code], stdout=subprocess.PIPE, text=True)
    assert started.stdout
    line = started.stdout.readline()
    if not line:
        started.wait()
        pytest.skip("namespaces are not to be had here")
    assert line == "1\n"  # the first process of its machine, as on the other one
    return started


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "shared")


@pytest.fixture
def model(hub: Hub) -> Hub:
    hub.path(f"{BIG}/{FILE}").write_bytes(CONTENT)
    return hub


def test_the_second_machine_waits_for_the_first(model: Hub, store: Store) -> None:
    stall = Stall(after=1000)
    model.faults.add(f"*/{FILE}", stall, times=1)
    with machine(model, store.home, "one", "pull") as first:
        assert stall.reached.wait(30)
        with machine(model, store.home, "two", "pull") as second:
            (running,) = store.downloads.all()
            assert (running.host, running.pid, running.running) == ("one", 1, True)
            with pytest.raises(Busy):
                store.sweep()
            stall.released.set()
            assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len(model.faults.asked(f"*/{FILE}", "GET")) == 1
    assert store.downloads.all() == []
    (manifest,) = store.manifests()
    assert verify(store, manifest) == ()


def test_what_a_dead_machine_held_is_free_at_once(model: Hub, store: Store) -> None:
    """The process with that id lives on, here: it is another one, on another machine."""
    stall = Stall(after=BLOCK + 1000)
    model.faults.add(f"*/{FILE}", stall, times=1)
    with machine(model, store.home, "one", "pull") as first:
        assert stall.reached.wait(30)
        first.kill()
        assert first.stdout
        first.stdout.read()  # until the last process of that machine has ended
    (left,) = store.downloads.all()
    assert (left.pid, left.running) == (1, False)
    assert Path("/proc/1").exists()
    store.sweep()
    with closing(HuggingFace(model.address)) as source:
        pull.carry_out(pull.plan(refs.parse(BIG), source, store), source, store)
    assert store.downloads.all() == []


def test_a_download_on_another_machine_is_cancelled_from_here(model: Hub, store: Store) -> None:
    stall = Stall(after=1000)
    model.faults.add(f"*/{FILE}", stall, times=1)
    with machine(model, store.home, "one", "pull") as first:
        assert stall.reached.wait(30)
        (one,) = store.downloads.all()
        downloads.cancel(store, one, purge=False)
        assert first.wait(20) != 0
    (left,) = store.downloads.all()
    assert (left.state, left.running) == ("cancelled", False)


def test_pulling_verifying_removing_and_sweeping_side_by_side(model: Hub, store: Store) -> None:
    acts = {"one": "churn", "two": "churn", "three": "pull"}
    started = [machine(model, store.home, name, act, ROUNDS) for name, act in acts.items()]
    for one in started:
        with one:
            assert one.wait(120) == 0
    kept = {manifest.name: manifest for manifest in store.manifests()}
    assert BIG in kept
    assert all(verify(store, manifest) == () for manifest in kept.values())
    assert store.partials.names() == []
    assert store.downloads.all() == []
    for sha256, _ in store.blobs.all():
        assert hashlib.sha256(store.blob_path(sha256).read_bytes()).hexdigest() == sha256
