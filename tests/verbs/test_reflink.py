"""Where the file system can, copies share their extents: told by what the disk has left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.verbs import disks
from tests.verbs.keeping import keep, whole, write

from ostler.core import refs
from ostler.core.policy import Policy
from ostler.errors import ChecksumMismatch
from ostler.store import Store
from ostler.store.shelf import Shelf
from ostler.verbs import adopt, archive, backup, repair, restore
from ostler.verbs.verify import verify

SIZE = 10 * 2**20
LARGE = {"config.json": b"{}", "model.bin": Random(1).randbytes(SIZE)}
LITTLE = 2**20  # bytes; what names and trees may take
REF = refs.parse("acme/tiny")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disks.sharing(tmp_path / "disk") as place:
        yield place


def test_a_folder_is_taken_in_without_its_bytes_being_copied(disk: Path) -> None:
    folder, store = write(disk / "tiny", LARGE), Store(disk / "home")
    before = disks.taken(disk)
    assert before > SIZE
    for plan in adopt.plan(folder, REF, None, Policy()):
        manifest = adopt.carry_out(plan, store, "clone")
    assert disks.taken(disk) - before < LITTLE
    assert whole(store, manifest)
    (folder / "model.bin").write_bytes(b"changed")  # the two are not one file
    assert whole(store, manifest)


def test_a_plain_copy_takes_its_bytes(disk: Path) -> None:
    folder, store = write(disk / "tiny", LARGE), Store(disk / "home")
    before = disks.taken(disk)
    for plan in adopt.plan(folder, REF, None, Policy()):
        adopt.carry_out(plan, store, "copy")
    assert disks.taken(disk) - before > SIZE


def test_a_backup_and_what_is_restored_from_it_share_extents(disk: Path) -> None:
    store, shelf = Store(disk / "home"), Shelf(disk / "backup")
    keep(store, LARGE)
    before = disks.taken(disk)
    backup.carry_out(backup.plan(store, shelf), store, shelf)
    fresh = Store(disk / "fresh")
    (manifest,) = restore.carry_out(restore.plan(fresh, shelf, backup.newest(shelf)), fresh, shelf)
    assert disks.taken(disk) - before < LITTLE
    assert whole(fresh, manifest)


def test_an_archive_and_the_way_back_share_extents(disk: Path) -> None:
    store, shelf = Store(disk / "home"), Shelf(disk / "shelf")
    keep(store, LARGE)
    before = disks.taken(disk)
    archive.carry_out(archive.plan(REF, store, shelf), store, shelf)
    assert abs(disks.taken(disk) - before) < LITTLE
    (manifest,) = archive.bring_back(archive.plan_back(REF, store, shelf), store, shelf, keep=True)
    assert abs(disks.taken(disk) - before) < LITTLE
    assert whole(store, manifest)
    assert shelf.models.all()


def test_damage_of_one_copy_is_not_the_others(disk: Path) -> None:
    """Copies that share extents still differ once one is written to, so a repair mends one."""
    store, shelf = Store(disk / "home"), Shelf(disk / "backup")
    manifest = keep(store, LARGE)
    backup.carry_out(backup.plan(store, shelf), store, shelf)
    large = max(manifest.files, key=lambda file: file.size)
    blob = store.blob_path(large.sha256)
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        file.write(b"wrong")
    damages = verify(store, manifest)
    assert repair.plan(manifest, damages) == (large,)
    with pytest.raises(ChecksumMismatch):
        backup.carry_out(backup.plan(store, Shelf(disk / "other")), store, Shelf(disk / "other"))
    assert Shelf(disk / "backup").blobs.path(large.sha256).read_bytes() == LARGE["model.bin"]
