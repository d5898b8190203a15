"""What commands note is what the records hold, whoever made the tables, and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ostler.errors import RecordsUnavailable
from ostler.nouns import Attempt, Event
from ostler.records.database import open_database
from ostler.records.notes import Notes, OtherTables
from ostler.records.records import Records
from ostler.records.schema import metadata

TOOLS = Path(__file__).resolve().parents[2] / "tools"
ATTEMPT = Attempt("org/a#q8_0", "failed", "2026-11-20T01:02:03.000Z", 1.5, 7, "cut", "It ended.")
EVENT = Event("pull", "org/a", "cli:anna", "failed", "It ended.", {"bytes": 7})


def tables(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        return set(connection.execute("SELECT name, type FROM sqlite_master"))


def test_the_script_is_current() -> None:
    words = [sys.executable, str(TOOLS / "tables.py"), "--check"]
    assert subprocess.run(words, capture_output=True, text=True, check=False).stderr == ""


def test_the_script_makes_what_the_migrations_make(tmp_path: Path) -> None:
    Notes(tmp_path / "script").close()
    open_database(tmp_path / "steps").close()
    assert tables(tmp_path / "script/ostler.db") == tables(tmp_path / "steps/ostler.db")
    database = open_database(tmp_path / "script")
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


@pytest.mark.parametrize("first", [Notes, Records])
def test_what_is_noted_is_read_back(tmp_path: Path, first: type[Notes] | type[Records]) -> None:
    first(tmp_path).close()
    notes = Notes(tmp_path)
    notes.downloaded(ATTEMPT, EVENT)
    notes.happened([Event("rm", "org/b"), Event("undo", "org/b")])
    notes.close()
    records = Records(tmp_path)
    assert records.attempts.of("org/a") == (ATTEMPT,)
    kept = records.events.since()
    assert [one.act for one in kept] == ["pull", "rm", "undo"]
    assert (kept[0].facts, kept[0].why, kept[0].actor) == ({"bytes": 7}, "It ended.", "cli:anna")
    assert [one.id for one in kept] == [1, 2, 3]
    assert all(one.at for one in kept)
    records.close()


def test_all_of_a_note_or_nothing(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    with pytest.raises(TypeError):
        notes.happened([Event("rm", "org/a"), Event("rm", "org/b", facts=[7])])  # type: ignore[arg-type]
    notes.happened([Event("rm", "org/c")])
    notes.close()
    records = Records(tmp_path)
    assert [one.subject for one in records.events.since()] == ["org/c"]
    records.close()


def test_many_note_at_once_in_new_records(tmp_path: Path) -> None:
    def note(number: int) -> None:
        notes = Notes(tmp_path)
        notes.happened([Event("rm", f"org/{number}")])
        notes.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(24)))
    records = Records(tmp_path)
    assert len(records.events.since()) == 24
    records.close()


def test_the_file_is_the_owner_s_alone_and_synced(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "home")
    notes.happened([EVENT])
    for file in (tmp_path / "home").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for name, value in (("journal_mode", "wal"), ("synchronous", 2)):  # 2: FULL
        assert notes._connection.execute(f"PRAGMA {name}").fetchone() == (value,)
    notes.close()


def test_tables_of_another_version_are_left_to_the_records(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(OtherTables):
        Notes(tmp_path)


def test_a_damaged_file_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "ostler.db").write_bytes(os.urandom(8192))
    with pytest.raises(RecordsUnavailable, match=r"ostler\.db cannot be used") as refused:
        Notes(tmp_path)
    assert "ostler rebuild" in refused.value.hint


def test_neither_sqlalchemy_nor_alembic_is_loaded() -> None:
    program = (
        "import sys, ostler.records.notes\n"
        "print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
