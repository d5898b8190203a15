"""Faults of what comes from this machine: a full disk, a sweep, a second one, a copy gone bad.

Cut, short, flipped and lying streams are in test_bundle.py, kills in test_kill_keeping.py, power
cuts in test_power_cut.py; test_fault_matrix.py says where each case is.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.verbs import disks
from tests.verbs.keeping import keep, whole

from ostler.core.copying import CopyPlan
from ostler.errors import Busy, ChecksumMismatch, InsufficientDisk
from ostler.nouns import Manifest
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import backup, bundle, restore
from ostler.verbs.progress import Progress
from ostler.verbs.unbundle import Incoming

MODES = ("bundle", "restore")
LARGE = {f"model-{n}.bin": Random(n).randbytes(700_000) for n in range(4)}


class Origin:
    """A model in a bundle and in a backup, and the way into another home from either."""

    def __init__(self, root: Path, mode: str) -> None:
        store, self.mode = Store(root / "home"), mode
        self.manifest = keep(store, LARGE)
        self.shelf = Shelf(root / "shelf")
        if mode == "restore":
            backup.carry_out(backup.plan(store, self.shelf), store, self.shelf)
        self.stream = root / "x.tar"
        with open(self.stream, "wb") as out:
            bundle.carry_out(bundle.plan([self.manifest]), store, out)

    def plan(self, store: Store) -> CopyPlan:
        if self.mode == "restore":
            return restore.plan(store, self.shelf, backup.newest(self.shelf))
        return Incoming(io.BytesIO(self.stream.read_bytes())).plan(store)

    def bring(self, store: Store, plan: CopyPlan | None = None) -> tuple[Manifest, ...]:
        plan = plan or self.plan(store)
        if self.mode == "restore":
            return restore.carry_out(plan, store, self.shelf)
        return Incoming(io.BytesIO(self.stream.read_bytes())).carry_out(plan, store)


@pytest.fixture
def origin(tmp_path: Path, request: pytest.FixtureRequest) -> Origin:
    return Origin(tmp_path, request.param)


@pytest.mark.parametrize("origin", MODES, indirect=True)
def test_a_full_disk_loses_nothing(origin: Origin, tmp_path: Path) -> None:
    with disks.small(tmp_path / "disk", 4 * 2**20) as disk:
        store = Store(disk / "home")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(2 * 2**20))
        with pytest.raises(InsufficientDisk, match="free"):
            origin.bring(store)  # refused before the first byte
        assert not list(store.blobs.all())
        # the room is there when it is asked for, and somebody else takes it meanwhile
        with pytest.raises(InsufficientDisk, match="became full"):
            origin.bring(store, replace(origin.plan(store), free=2**40))
        assert store.manifests() == []
        ballast.unlink()
        kept = [sha256 for sha256, _ in store.blobs.all()]
        plan = origin.plan(store)
        assert kept
        assert not {file.sha256 for file in plan.copy} & set(kept)
        (manifest,) = origin.bring(store, plan)
        assert whole(store, manifest)
        assert store.partials.names() == []


BRING = """
import io, sys
from pathlib import Path
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import backup, restore
from ostler.verbs.unbundle import Incoming

mode, root, home = sys.argv[1:]
store, shelf = Store(Path(home)), Shelf(Path(root) / "shelf")
if mode == "restore":
    restore.carry_out(restore.plan(store, shelf, backup.newest(shelf)), store, shelf)
else:
    incoming = Incoming(open(Path(root) / "x.tar", "rb"))
    incoming.carry_out(incoming.plan(store), store)
"""


@pytest.mark.parametrize("origin", MODES, indirect=True)
def test_two_processes_at_once(origin: Origin, tmp_path: Path) -> None:
    store = Store(tmp_path / "fresh")
    words = [sys.executable, "-c", BRING, origin.mode, str(tmp_path), str(store.home)]
    both = [subprocess.Popen(words) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    (manifest,) = store.manifests()
    assert whole(store, manifest)
    assert store.partials.names() == []


@pytest.mark.parametrize("origin", ["restore"], indirect=True)
@pytest.mark.parametrize("fault", ["short", "flipped", "changed"])
def test_a_copy_that_is_not_what_it_was_is_never_restored(
    origin: Origin, tmp_path: Path, fault: str
) -> None:
    large = max(origin.manifest.files, key=lambda file: file.size)
    blob = origin.shelf.blobs.path(large.sha256)
    good = blob.read_bytes()
    bad = {"short": good[:-1], "flipped": bytes([good[0] ^ 1]) + good[1:], "changed": b"else"}
    blob.chmod(0o600)
    blob.write_bytes(bad[fault])
    store = Store(tmp_path / "fresh")
    with pytest.raises(ChecksumMismatch, match=large.path):
        origin.bring(store)
    assert store.manifests() == []
    assert store.partials.names() == []
    kept = {sha256 for sha256, _ in store.blobs.all()}
    assert large.sha256 not in kept
    blob.write_bytes(good)
    plan = origin.plan(store)
    assert not {file.sha256 for file in plan.copy} & kept
    (manifest,) = origin.bring(store, plan)
    assert whole(store, manifest)


@pytest.mark.parametrize("origin", ["restore"], indirect=True)
def test_a_sweep_in_the_middle_of_a_restore_is_refused(origin: Origin, tmp_path: Path) -> None:
    store = Store(tmp_path / "fresh")
    tried: list[str] = []

    def report(event: Progress) -> None:
        with pytest.raises(Busy):
            store.sweep()
        tried.append(event.path)

    (manifest,) = restore.carry_out(origin.plan(store), store, origin.shelf, report)
    assert tried
    assert whole(store, manifest)
    assert store.sweep() == 0


@pytest.mark.parametrize("origin", ["bundle"], indirect=True)
def test_a_stream_that_stands_still_and_a_sweep_meanwhile(origin: Origin, tmp_path: Path) -> None:
    store = Store(tmp_path / "fresh")
    content = origin.stream.read_bytes()
    read, write = os.pipe()
    came: list[tuple[Manifest, ...]] = []

    def take_in() -> None:
        with open(read, "rb") as stream:
            incoming = Incoming(stream)
            came.append(incoming.carry_out(incoming.plan(store), store))

    taker = threading.Thread(target=take_in)
    taker.start()
    with open(write, "wb") as out:
        out.write(content[:-500_000])
        out.flush()  # returns once all but a pipe's length of it was read
        assert list(store.blobs.all())
        with pytest.raises(Busy):
            store.sweep()
        out.write(content[-500_000:])
    taker.join(60)
    assert whole(store, came[0][0])


@pytest.mark.parametrize("origin", MODES, indirect=True)
def test_every_content_is_synced_before_it_has_its_name(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut drops what was not synced: no name may be written before its bytes."""
    synced: set[int] = set()
    named: list[tuple[str, bool]] = []
    fsync, rename = os.fsync, os.replace

    def watch_fsync(fd: int) -> None:
        fsync(fd)
        synced.add(os.fstat(fd).st_ino)

    def watch_replace(old: Path, new: Path) -> None:
        named.append((str(new), os.lstat(old).st_ino in synced or Path(old).is_symlink()))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "replace", watch_replace)
    store = Store(tmp_path / "fresh")
    origin.bring(store)
    files = [(new, good) for new, good in named if "/views/" not in new]
    assert all(good for _, good in files), [new for new, good in files if not good]
    order = [new for new, _ in files if "/git-sha1/" not in new]
    assert "/models/" in order[-1] or "/models/" in order[-2]  # the manifest, then refs.json
    assert sum("/blobs/" in new for new in order) == len(LARGE)
