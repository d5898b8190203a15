"""A damaged records file: what is wrong with it, and what of it can still be read.

SQLite has no sums of its pages, so a file is damaged where its own check says so. What is read out
of a copy goes into new tables, row by row from both ends; the file itself is set aside whole.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ostler.records.notes import owned_alone, refusal, statements

PATIENCE = 5.0  # seconds for another process that writes
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BESIDE = ("-wal", "-shm")  # SQLite's own files beside the records
TABLES = ("keys", "events", "attempts", "measurements", "usage")
AS_JSON = ("models", "facts", "flags")  # columns that are read as JSON


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of damaged records."""

    aside: Path  # where the damaged file lies now
    rows: dict[str, int]  # by table
    short: tuple[str, ...]  # tables of which rows could not be read


def fault(home: Path) -> str:
    """Return what is wrong with the records file of a home; nothing where it is sound or absent.

    Raises RecordsUnavailable where it cannot be looked at now.
    """
    path = home / "ostler.db"
    if not path.exists():
        return ""
    if path.stat().st_size == 0:
        used = any(path.with_name(f"ostler.db{one}").exists() for one in BESIDE)
        return "it is empty" if used else ""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            connection.text_factory = lambda said: said.decode("utf-8", "replace")
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            garbled = _garbled(connection) if said == "ok" else ""
    except UnicodeDecodeError:  # of SQLite's own message: it quotes what it could not read
        return "its tables cannot be read"
    except sqlite3.Error as error:
        if _is_damage(error):
            return str(error)
        raise refusal(path, error) from error
    return garbled if said == "ok" else str(said).strip().splitlines()[-1]


def mend(home: Path, now: datetime | None = None) -> Salvaged:
    """Set the records of a home aside, and put in their place what can be read of them.

    Whoever has them open sees another file there and opens that. Raises RecordsUnavailable.
    """
    path = home / "ostler.db"
    aside = path.with_name(f"ostler.db.damaged-{now or datetime.now(UTC):%Y%m%dT%H%M%S}")
    try:
        with tempfile.TemporaryDirectory(dir=home, prefix=".records-") as folder:
            copy, fresh = Path(folder, "copy.db"), Path(folder, "ostler.db")
            shutil.copyfile(path, copy)
            log = path.with_name("ostler.db-wal")
            if log.exists():
                shutil.copyfile(log, Path(folder, "copy.db-wal"))
            rows, short = _moved(copy, fresh)
            os.link(path, aside)  # the records' own name is never without a file
            for one in BESIDE:
                with suppress(FileNotFoundError):
                    os.rename(f"{path}{one}", f"{aside}{one}")
            os.replace(fresh, path)
            _synced(home)
    except (sqlite3.Error, OSError) as error:
        raise refusal(path, error) from error
    return Salvaged(aside, rows, short)


def _moved(old: Path, fresh: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    owned_alone(fresh)
    rows, short = {}, []
    with closing(sqlite3.connect(fresh)) as into, closing(sqlite3.connect(old)) as source:
        into.execute("PRAGMA synchronous = FULL")
        for statement in statements():
            into.execute(statement)
        for table in TABLES:
            columns = [row[1] for row in into.execute(f"PRAGMA table_info({table})")]
            whole = True
            for descending in (False, True):
                try:
                    for row in _rows(source, table, columns, descending=descending):
                        whole = _put(into, table, columns, row) and whole
                except (sqlite3.Error, OverflowError, UnicodeDecodeError):
                    whole = False  # from here on it is tried from the other end
                else:
                    break
            (rows[table],) = into.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            short += [] if whole else [table]
        into.commit()
    return rows, tuple(short)


def _rows(
    source: sqlite3.Connection, table: str, columns: list[str], *, descending: bool
) -> Iterator[tuple[object, ...]]:
    names = ", ".join(f'"{one}"' for one in columns)
    order = "DESC" if descending else "ASC"
    # The names are of our own tables. An index may be damaged too: "NOT INDEXED".
    yield from source.execute(
        f"SELECT {names} FROM {table} NOT INDEXED ORDER BY rowid {order}"  # noqa: S608
    )


def _put(into: sqlite3.Connection, table: str, columns: list[str], row: tuple[object, ...]) -> bool:
    """Keep a row if it can be one of ours; say whether it can."""
    said = dict(zip(columns, row, strict=True))
    try:
        for name in AS_JSON:
            if name in said:
                json.loads(str(said[name]))
    except ValueError:
        return False
    names, marks = ", ".join(f'"{one}"' for one in columns), ", ".join("?" * len(columns))
    into.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608
    return True


def _garbled(connection: sqlite3.Connection) -> str:
    """Return in which table something is written that nobody can have written; or nothing."""
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for name in set(columns) & set(AS_JSON):
            asked = f"SELECT 1 FROM {table} WHERE NOT json_valid({name}) LIMIT 1"  # noqa: S608
            if connection.execute(asked).fetchone():
                return f"in a row of {table}, {name} is no JSON"
    return ""


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED


def _synced(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
