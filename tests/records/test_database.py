"""The tables are made once, safely; what is acknowledged outlives a kill; refusals are ours."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from ostler.errors import RecordsUnavailable, UsageError
from ostler.nouns import Event
from ostler.records.database import MIGRATIONS, Database, open_database
from ostler.records.head import HEAD
from ostler.records.records import Records
from ostler.records.schema import metadata

WRITER = Path(__file__).with_name("writer.py")


def differences(database: Database) -> list[object]:
    with database.read() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def test_the_steps_make_the_tables_that_the_code_means(tmp_path: Path, postgresql: str) -> None:
    from tests.records.conftest import emptied

    emptied(postgresql)
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD
    for url in ("", postgresql):
        database = open_database(tmp_path, url)
        assert differences(database) == []
        database.close()


def test_the_file_is_the_owner_s_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    records = Records(home)
    records.events.add([Event("load", "org/a")])
    for file in home.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    records.close()
    (home / "ostler.db").chmod(0o640)
    Records(home).close()
    assert stat.S_IMODE((home / "ostler.db").stat().st_mode) == 0o600


def test_two_openings_in_one_process_leave_each_other_their_locks(tmp_path: Path) -> None:
    """Else another process, the last to close as it thinks, takes away what is written ahead."""
    first = Records(tmp_path)
    first.events.add([Event("load", "org/a")])
    Records(tmp_path).close()
    other = "import pathlib, sys; from ostler.records.records import Records\n"
    other += "records = Records(pathlib.Path(sys.argv[1])); records.events.since(); records.close()"
    subprocess.run([sys.executable, "-c", other, str(tmp_path)], check=True)
    assert (tmp_path / "ostler.db-wal").exists()
    first.events.add([Event("load", "org/b")])
    assert [event.subject for event in first.events.since()] == ["org/a", "org/b"]
    first.close()


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.read() as connection:
        for name, value in (("journal_mode", "wal"), ("synchronous", 2)):  # 2: FULL
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value
    database.close()


def test_many_open_new_records_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ostler.nouns import Event\n"
        "from ostler.records.records import Records\n"
        "Records(Path(sys.argv[1])).events.add([Event('load', 'org/a')])"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    opened = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in opened] == [("", 0)] * 3
    records = Records(tmp_path)
    assert len(records.events.since()) == 3
    records.close()


def test_many_threads_open_new_records_in_postgresql(tmp_path: Path, postgresql: str) -> None:
    from tests.records.conftest import emptied

    emptied(postgresql)
    with ThreadPoolExecutor(4) as pool:
        for database in list(pool.map(lambda _: open_database(tmp_path, postgresql), range(4))):
            assert differences(database) == []
            database.close()


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Two processes write at once; both are killed in the middle of it."""
    writers = [
        subprocess.Popen(
            [sys.executable, WRITER, tmp_path, name], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    said = dict.fromkeys(("one", "two"), 0)
    for name, writer in zip(said, writers, strict=True):
        assert writer.stdout
        while said[name] < 20:
            said[name] = int(writer.stdout.readline())
    for writer in writers:
        writer.kill()
    for name, writer in zip(said, writers, strict=True):
        rest = writer.communicate(timeout=30)[0].split()
        said[name] = int(rest[-1]) if rest else said[name]
    records = Records(tmp_path)
    kept = {event.subject for event in records.events.since(limit=100_000)}
    records.close()
    assert kept >= {f"{name}-{n}" for name, last in said.items() for n in range(1, last + 1)}


def test_records_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(RecordsUnavailable, match="newer Ostler"):
        open_database(tmp_path)


def test_half_a_migration_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails leaves no table; the next try makes all of them."""
    from alembic import op

    def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(op, "create_index", fails)
        with pytest.raises(RecordsUnavailable, match="the disk is gone"):
            open_database(tmp_path)
    database = open_database(tmp_path)
    assert differences(database) == []
    database.close()


def test_a_damaged_file_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "ostler.db").write_bytes(os.urandom(8192))
    with pytest.raises(RecordsUnavailable, match=r"ostler\.db cannot be used") as refused:
        open_database(tmp_path)
    assert "ostler rebuild" in refused.value.hint


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql:nonsense"])
def test_a_url_that_is_none(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        open_database(tmp_path, url)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(RecordsUnavailable) as refused:
        open_database(tmp_path, "postgresql://anna:secret-word@127.0.0.1:1/none")
    assert "secret-word" not in refused.value.what + str(refused.value.facts)
