"""Copy the records and the operator's settings beside the models, without secrets."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ostler.core import secrets
from ostler.errors import CorruptFile, UsageError
from ostler.store import durable

DATABASE = "ostler.db"
SETTINGS = ("ostler.yaml", "settings.toml")
SECRET_TABLES = ("keys",)  # hashes of the gateway's keys: made anew after a restore


def save(home: Path, folder: Path) -> tuple[str, ...]:
    """Copy what there is into a folder; return the names. Raises CorruptFile."""
    saved = []
    for name in SETTINGS:
        if (home / name).is_file():
            text = (home / name).read_text(encoding="utf-8", errors="replace")
            durable.write(folder / name, secrets.masked(text).encode())
            saved.append(name)
    if (home / DATABASE).is_file():
        durable.folder(folder)
        _copy_database(home / DATABASE, folder / DATABASE)
        saved.append(DATABASE)
    return tuple(saved)


def bring_back(folder: Path, home: Path) -> tuple[str, ...]:
    """Copy saved records into a home that has none; return the names. Raises UsageError."""
    names = [name for name in (*SETTINGS, DATABASE) if (folder / name).is_file()]
    taken = [name for name in names if (home / name).exists()]
    if taken:
        raise UsageError(
            f"{home / taken[0]} is there already and was not overwritten.",
            hint="Move it away first, or restore into another home with --home.",
        )
    for name in names:
        durable.write(home / name, (folder / name).read_bytes())
    return tuple(names)


def _copy_database(origin: Path, target: Path) -> None:
    """Copy a database that others may be writing to, as of one moment."""
    draft = durable.draft(target)
    draft.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{origin}?mode=ro", uri=True)) as before,
            closing(sqlite3.connect(draft)) as after,
        ):
            before.backup(after)
            for table in SECRET_TABLES:
                _empty(after, table)
            after.commit()
            after.execute("VACUUM")  # what was deleted is not in the file either
    except sqlite3.DatabaseError as error:
        raise CorruptFile(f"{origin} cannot be read: {error}.", hint="ostler verify") from error
    os.chmod(draft, 0o600)
    durable.rename(draft, target)


def _empty(database: sqlite3.Connection, table: str) -> None:
    known = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if known:
        database.execute(f"DELETE FROM {table}")  # noqa: S608 a name of ours, no input
