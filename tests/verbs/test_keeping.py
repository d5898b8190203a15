"""Trash, clean-up, archive, backup, rebuild and comparison, on a real store."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.verbs.keeping import COMMIT, CONTENTS, OTHER, keep, whole, write

from ostler.core import refs
from ostler.errors import (
    ChecksumMismatch,
    CorruptFile,
    DamagedModel,
    InsufficientDisk,
    InUse,
    UnknownModel,
    UsageError,
)
from ostler.nouns import Manifest
from ostler.store import Store, durable, plain
from ostler.store.shelf import Shelf
from ostler.verbs import archive, backup, gc, keepsakes, rebuild, remove, restore, undo, usage
from ostler.verbs.compare import compare

REF = refs.parse("acme/tiny")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


def removed(store: Store, name: str = "acme/tiny", **how: bool) -> int:
    return remove.carry_out(remove.plan(refs.parse(name), store), store, **how)


def damage(place: Path) -> None:
    place.chmod(0o644)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


# --- trash ------------------------------------------------------------------------------------


def test_what_was_removed_comes_back(store: Store) -> None:
    manifest = keep(store)
    assert removed(store) == 0
    assert store.manifests() == []
    assert store.sweep() == 0  # the trash still names it
    assert undo.carry_out(undo.plan(store), store) == (manifest,)
    assert store.manifests() == [manifest]
    assert whole(store, manifest)
    assert (store.folder(manifest) / "config.json").read_bytes() == b"{}"
    with pytest.raises(UnknownModel, match="the trash is empty"):
        undo.plan(store)


def test_undo_takes_back_the_last_or_the_one_named(store: Store) -> None:
    keep(store, name="acme/one")
    keep(store, name="acme/two")
    removed(store, "acme/one")
    removed(store, "acme/two")
    assert undo.plan(store).manifests[0].name == "acme/two"
    assert undo.plan(store, refs.parse("acme/one")).manifests[0].name == "acme/one"
    with pytest.raises(UnknownModel, match="not in the trash"):
        undo.plan(store, refs.parse("acme/three"))


def test_a_branch_that_moved_on_stays_where_it_is(store: Store) -> None:
    keep(store)
    removed(store)
    newer = keep(store, {"config.json": b"{ }"}, commit=OTHER)
    undo.carry_out(undo.plan(store), store)
    assert store.find(REF).commit == newer.commit
    assert [one.revisions for one in store.manifests() if one.commit == COMMIT] == [()]


def test_what_is_no_longer_whole_does_not_come_back(store: Store) -> None:
    manifest = keep(store)
    removed(store)
    store.blob_path(manifest.files[0].sha256).unlink()
    with pytest.raises(DamagedModel, match="no longer in the store"):
        undo.carry_out(undo.plan(store), store)
    assert store.manifests() == []
    assert len(store.trash.entries()) == 1


def test_purge_frees_at_once_and_what_is_loaded_stays(store: Store) -> None:
    keep(store)
    with pytest.raises(InUse, match="is loaded"):
        remove.plan(REF, store, loaded={(COMMIT, "config.json")})
    assert removed(store, purge=True) == sum(map(len, CONTENTS.values()))
    assert list(store.blobs.all()) == []


def test_a_clean_up_is_shown_and_then_done(store: Store) -> None:
    keep(store)
    removed(store)
    assert gc.plan(store, 7.0).items == ()
    garbage = gc.plan(store, 0.0)
    assert [item.kind for item in garbage.items] == ["trash"]
    assert garbage.bytes == sum(map(len, CONTENTS.values()))
    assert len(list(store.blobs.all())) == len(CONTENTS)  # a plan takes nothing
    assert gc.carry_out(garbage, store, 0.0) == garbage.bytes
    assert list(store.blobs.all()) == []
    assert gc.plan(store, 0.0).items == ()


def test_stale_unfinished_files_go(store: Store) -> None:
    manifest = keep(store)
    with store.partials.open("f" * 64) as part:
        os.write(part.fd, bytes(8192))
    old = datetime.now(UTC) - timedelta(days=8)
    os.utime(part.path, (old.timestamp(), old.timestamp()))
    garbage = gc.plan(store, 7.0)
    assert [item.name for item in garbage.items] == ["f" * 64]
    assert gc.carry_out(garbage, store, 7.0) == garbage.bytes > 0
    assert store.partials.names() == []
    assert whole(store, manifest)


def test_drafts_of_the_killed_go_and_fresh_ones_stay(store: Store) -> None:
    manifest = keep(store)
    blob = store.blob_path(manifest.files[0].sha256)
    old, fresh = durable.draft(blob), durable.draft(store.home / "downloads" / "x.json")
    fresh.parent.mkdir(exist_ok=True)
    for one in (old, fresh):
        one.write_bytes(bytes(5000))
    os.utime(old, (0, 0))
    garbage = gc.plan(store, 7.0)
    assert [(item.kind, item.name) for item in garbage.items] == [("draft", str(old))]
    assert gc.carry_out(garbage, store, 7.0) == garbage.bytes >= 4096
    assert (old.exists(), fresh.exists()) == (False, True)
    assert whole(store, manifest)


def test_old_commits_go_only_when_asked(store: Store) -> None:
    keep(store)
    newer = keep(store, {"config.json": b"{ }"}, commit=OTHER)
    assert gc.plan(store, 7.0).commits == ()
    garbage = gc.plan(store, 7.0, old_commits=True)
    assert [one.commit for one in garbage.commits] == [COMMIT]
    freed = gc.carry_out(garbage, store, 7.0)
    assert freed == garbage.bytes == sum(map(len, CONTENTS.values()))
    assert [one.commit for one in store.manifests()] == [newer.commit]


def test_usage_agrees_with_du(store: Store) -> None:
    keep(store)
    keep(store, {"config.json": b"{}", "other": b"x" * 5000}, name="acme/other")
    used = usage.measure(store, 50, 20)
    said = subprocess.run(
        ["du", "-sb", str(store.home)], capture_output=True, text=True, check=True
    )
    assert used.home == int(said.stdout.split()[0])
    assert used.logical == used.physical + 2  # both have the same config.json
    assert used.unnamed == used.trash == 0


# --- plain folders ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["link", "hard", "copy"])
def test_a_plain_folder_is_brought_up_to_date(store: Store, tmp_path: Path, how: str) -> None:
    manifest = keep(store)
    folder = plain.make(tmp_path / "tiny", manifest, store.blobs, how)
    assert {p: (folder / p).read_bytes() for p in CONTENTS} == CONTENTS
    (folder / "mine.txt").write_text("the user's")
    newer = keep(store, {"config.json": b"{ }"}, commit=OTHER)
    plain.make(folder, newer, store.blobs, how)
    there = {p.name for p in folder.rglob("*") if p.is_file()}
    assert there == {"config.json", "mine.txt", plain.MARK}
    plain.remove(folder)
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]


def test_two_models_are_never_mixed(store: Store, tmp_path: Path) -> None:
    one, two = keep(store), keep(store, {"a": b"b"}, name="other/tiny")
    plain.make(tmp_path / "tiny", one, store.blobs)
    with pytest.raises(UsageError, match="another model, acme/tiny"):
        plain.make(tmp_path / "tiny", two, store.blobs)
    write(tmp_path / "full", {"a": b"the user's"})
    with pytest.raises(UsageError, match="did not put it there"):
        plain.make(tmp_path / "full", two, store.blobs)
    assert (tmp_path / "full/a").read_bytes() == b"the user's"


# --- archive ----------------------------------------------------------------------------------


def test_there_and_back(store: Store, shelf: Shelf) -> None:
    manifest = keep(store)
    plan = archive.plan(REF, store, shelf)
    assert plan.needed == sum(map(len, CONTENTS.values()))
    assert archive.carry_out(plan, store, shelf) == plan.needed
    assert store.manifests() == []
    assert [one.at for one in archive.archived(store)] == [str(shelf.root)]
    archive.bring_back(archive.plan_back(REF, store, shelf), store, shelf)
    assert store.manifests() == [manifest]
    assert whole(store, manifest)
    assert archive.archived(store) == []
    assert list(shelf.blobs.all()) == []


def test_nothing_is_removed_where_the_copy_is_bad(store: Store, shelf: Shelf) -> None:
    manifest = keep(store)
    plan = archive.plan(REF, store, shelf)
    archive.copy_all(plan.copy, store, shelf)
    bad = shelf.blobs.path(manifest.files[0].sha256)
    damage(bad)
    with pytest.raises(ChecksumMismatch):
        archive.carry_out(archive.plan(REF, store, shelf), store, shelf)
    assert whole(store, manifest)
    archive.carry_out(archive.plan(REF, store, shelf), store, shelf)  # what was bad comes anew
    archive.bring_back(archive.plan_back(REF, store, shelf), store, shelf, keep=True)
    assert whole(store, manifest)
    assert [one.name for one in shelf.models.all()] == ["acme/tiny"]


def test_what_does_not_fit_is_refused_before_the_first_byte(store: Store, shelf: Shelf) -> None:
    keep(store)
    plan = archive.plan(REF, store, shelf)
    small = type(plan)(plan.models, plan.copy, plan.have, free=10, reserve=0)
    with pytest.raises(InsufficientDisk, match="10 B free"):
        archive.carry_out(small, store, shelf)
    assert not shelf.exists


def test_a_loaded_model_is_not_archived(store: Store, shelf: Shelf) -> None:
    keep(store)
    with pytest.raises(InUse):
        archive.plan(REF, store, shelf, {(COMMIT, "x")})


# --- backup -----------------------------------------------------------------------------------


def backed_up(store: Store, shelf: Shelf, keep: int | None = None) -> backup.Made:
    return backup.carry_out(backup.plan(store, shelf), store, shelf, keep=keep)


def test_a_second_backup_copies_nothing(store: Store, shelf: Shelf, tmp_path: Path) -> None:
    manifest = keep(store)
    assert backed_up(store, shelf).copied == sum(map(len, CONTENTS.values()))
    assert backed_up(store, shelf).copied == 0
    fresh = Store(tmp_path / "fresh")
    name = backup.newest(shelf)
    plan = restore.plan(fresh, shelf, name)
    assert restore.carry_out(plan, fresh, shelf) == (manifest,)
    assert whole(fresh, manifest)
    assert backup.verify(shelf, name) == ()


def test_a_restore_copies_only_what_is_missing(store: Store, shelf: Shelf) -> None:
    manifest = keep(store)
    backed_up(store, shelf)
    store.blob_path(manifest.files[1].sha256).unlink()
    plan = restore.plan(store, shelf, backup.newest(shelf), REF)
    assert [file.path for file in plan.copy] == [manifest.files[1].path]
    restore.carry_out(plan, store, shelf)
    assert whole(store, manifest)


def test_damage_in_a_backup_is_found_and_never_restored(
    store: Store, shelf: Shelf, tmp_path: Path
) -> None:
    manifest = keep(store)
    backed_up(store, shelf)
    name = backup.newest(shelf)
    damage(shelf.blobs.path(manifest.files[0].sha256))
    shelf.blobs.path(manifest.files[1].sha256).unlink()
    assert {one.kind for one in backup.verify(shelf, name)} == {"hash", "missing"}
    fresh = Store(tmp_path / "fresh")
    with pytest.raises((ChecksumMismatch, CorruptFile)):
        restore.carry_out(restore.plan(fresh, shelf, name), fresh, shelf)
    assert fresh.manifests() == []
    assert not fresh.has(manifest.files[0].sha256)


def test_only_the_newest_are_kept(store: Store, shelf: Shelf) -> None:
    keep(store)
    backed_up(store, shelf)
    removed(store, purge=True)
    keep(store, {"other": b"other"}, commit=OTHER)
    backed_up(store, shelf, keep=2)
    made = backed_up(store, shelf, keep=2)
    assert len(made.dropped) == 1
    assert made.freed == sum(map(len, CONTENTS.values()))
    assert len(shelf.snapshots()) == 2


def test_a_backup_of_one_model_carries_the_others(store: Store, shelf: Shelf) -> None:
    keep(store)
    keep(store, {"other": b"other"}, name="acme/other")
    backed_up(store, shelf)
    plan = backup.plan(store, shelf, refs.parse("acme/other"))
    backup.carry_out(plan, store, shelf, keep=1)
    assert {one.name for one in shelf.snapshot(backup.newest(shelf)).all()} == {
        "acme/tiny",
        "acme/other",
    }
    with pytest.raises(CorruptFile, match="no backup 2000"):
        backup.newest(shelf, "2000")


def test_records_go_along_without_secrets(store: Store, shelf: Shelf, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    keep(store)
    (store.home / "ostler.yaml").write_text("models: []\ntoken: hf_verysecrettoken\n")
    with closing(sqlite3.connect(store.home / "ostler.db")) as database:
        database.execute("CREATE TABLE keys (sha256 TEXT)")
        database.execute("INSERT INTO keys VALUES ('secret-hash-of-a-key')")
        database.execute("CREATE TABLE events (act TEXT)")
        database.execute("INSERT INTO events VALUES ('pull')")
        database.commit()
    made = backed_up(store, shelf)
    assert made.records == ("ostler.yaml", "ostler.db")
    every = b"".join(p.read_bytes() for p in shelf.root.rglob("*") if p.is_file())
    assert b"hf_verysecrettoken" not in every
    assert b"secret-hash" not in every
    fresh = tmp_path / "fresh"
    keepsakes.bring_back(shelf.records(made.name), fresh)
    with closing(sqlite3.connect(fresh / "ostler.db")) as database:
        assert database.execute("SELECT act FROM events").fetchall() == [("pull",)]
    with pytest.raises(UsageError, match="not overwritten"):
        keepsakes.bring_back(shelf.records(made.name), fresh)


# --- comparison -------------------------------------------------------------------------------


def test_another_copy_is_held_against_the_store(store: Store, shelf: Shelf, tmp_path: Path) -> None:
    manifest = keep(store)
    backed_up(store, shelf)
    assert compare([manifest], shelf.root) == []
    assert compare([manifest], store.home) == []
    damage(shelf.blobs.path(manifest.files[0].sha256))
    assert [(d.path, d.kind) for d in compare([manifest], shelf.root)] == [
        (manifest.files[0].path, "damaged")
    ]
    folder = write(tmp_path / "copy", CONTENTS | {"config.json": b"[]", "more": b""})
    (folder / "README.md").unlink()
    assert [(d.path, d.kind) for d in compare([manifest], folder)] == [
        ("README.md", "missing"),
        ("config.json", "differs"),
        ("more", "extra"),
    ]
    with pytest.raises(UsageError):
        compare([], folder)


# --- rebuild ----------------------------------------------------------------------------------


def manifest_path(store: Store, manifest: Manifest) -> Path:
    return store.home / "models/hf" / manifest.name / f"{manifest.commit}.json"


def test_lost_manifests_are_made_anew(store: Store) -> None:
    import shutil

    manifest = keep(store)
    shutil.rmtree(store.home / "models")
    with pytest.raises(DamagedModel, match="no manifest"):
        gc.plan(store, 0.0)
    (back,) = rebuild.carry_out(rebuild.plan(store), store)
    assert back.gone == ()
    assert (back.manifest.licence, back.manifest.task) == ("mit", "text-generation")
    assert store.find(REF).files == manifest.files
    assert store.find(REF).revisions == ("main",)
    assert gc.plan(store, 0.0).items == ()


def test_damaged_manifests_are_set_aside(store: Store) -> None:
    manifest = keep(store)
    path = manifest_path(store, manifest)
    path.write_text("{")
    rebuild.carry_out(rebuild.plan(store), store)
    assert store.find(REF).files == manifest.files
    assert path.with_name(path.name + ".damaged").read_text() == "{"


def test_what_is_gone_is_said_and_not_named(store: Store) -> None:
    manifest = keep(store)
    manifest_path(store, manifest).unlink()
    files = {file.path: store.blob_path(file.sha256) for file in manifest.files}
    files["config.json"].unlink()
    damage(files["extra/model.bin"])
    (back,) = rebuild.carry_out(rebuild.plan(store), store)
    assert set(back.gone) == {"config.json", "extra/model.bin"}
    assert {file.path for file in store.find(REF).files} == {"README.md", "tokenizer.json"}


def test_contents_without_any_name_are_listed(store: Store) -> None:
    import shutil

    keep(store)
    shutil.rmtree(store.home / "models")
    shutil.rmtree(store.home / "views")
    plan = rebuild.plan(store)
    assert plan.lost == ()
    assert {one.what for one in plan.unnamed} >= {"JSON", "text"}
    with pytest.raises(DamagedModel, match="no manifest at all"):
        gc.plan(store, 0.0)
    assert len(gc.plan(store, 0.0, force=True).items) == len(CONTENTS)
