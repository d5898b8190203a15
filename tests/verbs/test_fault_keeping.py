"""Faults of what comes from this machine: a full disk, a sweep, a second one, a power cut.

Cut, short, flipped and lying streams are in test_bundle.py, kills in test_kill_keeping.py.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.verbs.keeping import keep, whole

from ostler.core.copying import CopyPlan
from ostler.errors import Busy, InsufficientDisk
from ostler.nouns import Manifest
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import backup, bundle, restore
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


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a file system of our own can be mounted by root alone")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("origin", MODES, indirect=True)
def test_a_full_disk_loses_nothing(origin: Origin, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4 * 2**20) as disk:
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


@pytest.mark.parametrize("origin", MODES, indirect=True)
def test_two_at_once(origin: Origin, tmp_path: Path) -> None:
    store = Store(tmp_path / "fresh")
    threads = [threading.Thread(target=origin.bring, args=(store,)) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    (manifest,) = store.manifests()
    assert whole(store, manifest)
    assert store.partials.names() == []


@pytest.mark.parametrize("origin", ["bundle"], indirect=True)
def test_a_sweep_in_the_middle_waits_its_turn(origin: Origin, tmp_path: Path) -> None:
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
