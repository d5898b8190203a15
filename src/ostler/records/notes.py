"""What a command writes down before it ends: one insert or two, by Python's own SQLite.

Loading SQLAlchemy and Alembic takes 0.4 s, which is longer than most commands; so the few writes
that commands make go straight to the file. All reading, and all of PostgreSQL, is Records'.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from ostler.core.reasons import why
from ostler.errors import RecordsUnavailable
from ostler.nouns import Attempt, Event
from ostler.records.head import HEAD
from ostler.records.moment import now

BUSY_SECONDS = 30  # how long to wait for another process that writes


class OtherTables(Exception):
    """The records' tables are of another version: Records brings them up to date, or refuses."""


class Notes:
    """The records of a home, for writing alone. Each call is one transaction."""

    def __init__(self, home: Path) -> None:
        """Open them; make their tables where there are none.

        Raises RecordsUnavailable, and OtherTables.
        """
        self._path = home / "ostler.db"
        with self._refusals():
            owned_alone(self._path)
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            step = self._step() or self._made()
        if step != HEAD:
            self.close()
            raise OtherTables

    def downloaded(self, attempt: Attempt, event: Event) -> None:
        """Keep a try to download and the event that tells of it. Raises RecordsUnavailable."""
        with self._writing():
            self._insert("attempts", asdict(attempt) | {"at": attempt.at or now()})
            self._event(event)

    def happened(self, events: Iterable[Event]) -> None:
        """Keep events, all or none. Raises RecordsUnavailable."""
        with self._writing():
            for event in events:
                self._event(event)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _event(self, event: Event) -> None:
        facts = json.dumps(dict(event.facts), default=str)
        values = asdict(event) | {"at": event.at or now(), "facts": facts}
        del values["id"]
        self._insert("events", values)

    def _insert(self, table: str, values: dict[str, object]) -> None:
        names = ", ".join(f'"{name}"' for name in values)  # the fields of our own nouns
        marks = ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        self._connection.execute(statement, tuple(values.values()))

    def _step(self) -> str | None:
        """Return the migration that the tables are at; None where there are no tables."""
        known = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if "alembic_version" not in {name for (name,) in known}:
            return None
        found = self._connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found[0]) if found else ""

    def _made(self) -> str:
        """Make the tables, all or none; another process may have been faster."""
        with self._writing():
            step = self._step()
            if step is None:
                for statement in statements():
                    self._connection.execute(statement)
            return step or HEAD

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._refusals():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise refusal(self._path, error) from error


def refusal(shown: Path | str, error: Exception) -> RecordsUnavailable:
    """Return how it is said that records cannot be used, and what helps."""
    said = why(error).strip().partition("\n")[0]
    damaged = isinstance(error, ValueError) or "malformed" in said or "not a database" in said
    mend = "`ostler rebuild` saves what can be read of it; a running server then goes on with that."
    return RecordsUnavailable(
        f"The records in {shown} cannot be used: {said}.",
        hint=mend if damaged else "See that it may be written and has room.",
        database=str(shown),
    )


def statements() -> tuple[str, ...]:
    """Return what makes the tables of new records, statement by statement."""
    script = files("ostler.records").joinpath("tables.sql").read_text("utf-8")
    return tuple(one for one in script.split(";\n") if one.strip())


def owned_alone(path: Path) -> None:
    """Make the file, or make it readable by its owner alone, as its -wal and -shm will be.

    A file that is there is not opened: to close it again would drop the locks that SQLite holds on
    it for another connection of this process (fcntl), and other processes would take its -wal away.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
