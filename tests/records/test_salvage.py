"""Damaged records: found out, set aside whole, and what can be read of them goes on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostler.errors import Busy, RecordsUnavailable
from ostler.nouns import AccessKey, Event, Measurement, Use
from ostler.records.records import Records
from ostler.records.salvage import TABLES, fault
from ostler.store import locks
from ostler.verbs import keyring, mending

EVENTS = 400


def filled(home: Path) -> Path:
    """Records of every kind, all in the one file."""
    with closing(Records(home)) as records:
        for name in ("anna", "bert"):
            keyring.create(AccessKey(name, "", models=("org/*",)), records, "test")
        told = [Event("load", f"org/model-{n}", facts={"n": n}) for n in range(EVENTS)]
        records.add(told, [Measurement("org/a", "llamacpp", "1", "kv", 5)], [Use("2026", "k", "m")])
    path = home / "ostler.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("records"))


@pytest.fixture
def home(tmp_path: Path, whole: Path) -> Path:
    (tmp_path / "ostler.db").write_bytes(whole.read_bytes())
    return tmp_path


def pages_of(path: Path, table: str) -> tuple[int, int]:
    """Where the first page of a table lies: (offset, bytes)."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        asked = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (root,) = connection.execute(asked, (table,)).fetchone()
    return (root - 1) * size, size


def overwrite(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def test_sound_records_are_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = (home / "ostler.db").read_bytes()
    assert mending.plan(home) == ""
    assert mending.carry_out(home) is None
    assert (home / "ostler.db").read_bytes() == before
    nothing = tmp_path_factory.mktemp("nothing")
    assert mending.plan(nothing) == ""
    (nothing / "ostler.db").touch()  # as it is while the first command makes it
    assert mending.plan(nothing) == ""


def test_what_other_tables_hold_is_saved(home: Path) -> None:
    path = home / "ostler.db"
    place, size = pages_of(path, "events")
    overwrite(path, place, bytes(size))
    damaged = path.read_bytes()
    assert mending.plan(home)
    done = mending.carry_out(home)
    assert done
    assert done.aside.read_bytes() == damaged
    assert (done.short, done.rows["keys"], done.rows["events"]) == (("events",), 2, 0)
    assert (path.stat().st_mode & 0o777, mending.plan(home)) == (0o600, "")
    with closing(Records(home)) as records:
        assert [(one.name, one.models) for one in records.keys.all()] == [
            ("anna", ("org/*",)), ("bert", ("org/*",)),
        ]  # fmt: skip
        assert records.measurements.of("org/a")[0].bytes == 5
        assert len(records.usage.since("")) == 1
        records.events.add([Event("load", "org/b")])
    assert not [one for one in os.listdir(home) if one.startswith(".records-")]


def test_a_table_is_read_from_both_ends(home: Path) -> None:
    path = home / "ostler.db"
    content = path.read_bytes()
    middle = content.index(b"org/model-200")
    size = pages_of(path, "events")[1]
    overwrite(path, middle - middle % size, bytes(size))
    done = mending.carry_out(home)
    assert done
    assert done.short == ("events",)
    assert EVENTS * 0.8 < done.rows["events"] < EVENTS
    with closing(Records(home)) as records:
        kept = {one.subject for one in records.events.since(limit=10 * EVENTS)}
    assert {"org/model-0", f"org/model-{EVENTS - 1}"} <= kept


def test_a_file_that_is_no_database_leaves_new_tables(home: Path) -> None:
    for content in (b"", b"no database at all" * 500):
        (home / "ostler.db").write_bytes(content)
        (home / "ostler.db-wal").write_bytes(b"neither")
        assert mending.plan(home)
        done = mending.carry_out(home)
        assert done
        assert set(done.rows.values()) == {0}
        assert not (home / "ostler.db-wal").exists(), "an old log would be read into the new tables"
        for one in home.glob("*.damaged-*"):
            one.unlink()
        with closing(Records(home)) as records:
            assert records.keys.all() == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=64)), min_size=1))
def test_whatever_the_damage_there_are_sound_records_afterwards(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, bytes]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    path = home / "ostler.db"
    path.write_bytes(whole.read_bytes())
    for where, content in damage:
        overwrite(path, int(where * path.stat().st_size), content)
    damaged, found = path.read_bytes(), mending.plan(home)
    done = mending.carry_out(home)
    assert bool(done) is bool(found)
    assert fault(home) == ""
    if done:
        assert done.aside.read_bytes() == damaged
        assert set(done.rows) == set(TABLES)
        with closing(Records(home)) as records:
            assert len(records.keys.all()) == done.rows["keys"]
            assert len(records.events.since(limit=10 * EVENTS)) == done.rows["events"]


def test_who_has_the_records_open_goes_on_with_the_new_file(home: Path) -> None:
    path = home / "ostler.db"
    with closing(Records(home)) as records:
        assert len(records.keys.all()) == 2
        records.events.add([Event("load", "org/in-the-log")])
        place, size = pages_of(path, "attempts")
        overwrite(path, place, bytes(size))
        assert mending.carry_out(home)
        records.events.add([Event("load", "org/new")])
        last = [one.subject for one in records.events.since(after=EVENTS)]
        assert last[-2:] == ["org/in-the-log", "org/new"]
        assert len(records.keys.all()) == 2
        path.rename(home / "moved.db")
        for one in ("-wal", "-shm"):
            (home / f"ostler.db{one}").unlink()
        assert records.keys.all() == ()
        records.events.add([Event("load", "org/newer")])
    with closing(Records(home)) as again:
        assert [one.subject for one in again.events.since()] == ["org/newer"]


def test_one_mends_at_a_time(home: Path) -> None:
    with locks.hold(home / "locks/records.lock"), pytest.raises(Busy):
        mending.carry_out(home)


def test_what_sqlite_does_not_see_is_found_too(home: Path) -> None:
    path = home / "ostler.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE keys SET models = '[\"org/' WHERE name = 'bert'")
        connection.commit()
    with closing(Records(home)) as records:
        with pytest.raises(RecordsUnavailable) as refused:
            records.keys.all()
        assert "ostler rebuild" in refused.value.hint
        assert mending.plan(home) == "in a row of keys, models is no JSON"
        done = mending.carry_out(home)
        assert done
        assert done.short == ("keys",)
        assert [one.name for one in records.keys.all()] == ["anna"]
