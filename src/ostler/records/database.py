"""The database: SQLite in the home, or PostgreSQL where several servers share one.

A record is acknowledged when its transaction has ended, and then it is on the disk: SQLite
writes ahead (WAL) and syncs with every commit. The tables are made and changed in one
transaction that holds the database's own lock, so a kill leaves the old tables or the new.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ostler.errors import RecordsUnavailable, UsageError
from ostler.records.head import HEAD
from ostler.records.notes import owned_alone, refusal

BUSY_SECONDS = 30  # how long to wait for another process that writes
MIGRATING = 0x05713  # the number of PostgreSQL's advisory lock while tables are made
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A database whose tables are current."""

    def __init__(self, engine: sa.Engine, shown: str, path: Path | None = None) -> None:
        """`path` is of the file, where it is one."""
        self._engine, self.shown, self._path = engine, shown, path
        self._file: tuple[int, ...] | None = ()  # which one connections have open; none yet
        self._opening = threading.Lock()

    def follow(self) -> None:
        """Open the file that has the name now: what is written to another would be lost.

        It is another one after `ostler rebuild`, or when somebody has put a copy back.
        Raises RecordsUnavailable.
        """
        if self._path is None or _identity(self._path) == self._file:
            return
        with self._opening, refusals(self.shown):
            if _identity(self._path) != self._file:
                self._engine.dispose()
                owned_alone(self._path)
                found = _identity(self._path)
                self.make_current()
                self._file = found

    def make_current(self) -> None:
        """Make the tables, or change those of an older version. Raises RecordsUnavailable."""
        with refusals(self.shown):
            with self._engine.connect() as connection:
                if _revision(connection) == HEAD:
                    return
            with self._writing() as connection:
                _migrate(connection, self.shown)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state of everything. Raises RecordsUnavailable."""
        self.follow()
        with refusals(self.shown), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept, all or none, when the block has ended.

        Raises RecordsUnavailable.
        """
        self.follow()
        with refusals(self.shown), self._writing() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def open_database(home: Path, url: str = "") -> Database:
    """Open the records of a home, or those at a PostgreSQL URL; make or change their tables.

    Raises RecordsUnavailable, and UsageError for a URL that names no database we know.
    """
    shown = _without_password(url) if url else str(home / "ostler.db")
    with refusals(shown):
        path = None if url else home / "ostler.db"
        database = Database(_sqlite(path) if path else _postgresql(url), shown, path)
    if path:
        database.follow()
    else:
        database.make_current()
    return database


@contextmanager
def refusals(shown: str) -> Iterator[None]:
    """Turn what the database says into a refusal of ours."""
    try:
        yield
    # Damage that SQLite does not see comes out as text that is none, or as JSON that is none.
    except (SQLAlchemyError, OSError, UnicodeDecodeError, JSONDecodeError) as error:
        raise refusal(shown, getattr(error, "orig", None) or error) from error


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        """Take the write lock first: a reader that wants to write later can be refused."""
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in ("postgresql", "postgres"):
            raise UsageError(
                f"OSTLER_DATABASE names a {parsed.get_backend_name()} database.",
                hint="Give postgresql://user@host/database, or nothing for a file in the home.",
            )
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            connect_args={"client_encoding": "utf8"},  # whatever the database's own
            pool_pre_ping=True,
        )
    except (ArgumentError, NoSuchModuleError):
        raise UsageError(
            "OSTLER_DATABASE is no database URL.", hint="postgresql://user:password@host/database"
        ) from None
    except ImportError:
        raise UsageError(
            "PostgreSQL needs its driver, which is not installed.",
            hint="pip install 'ostler[postgres]'",
        ) from None


def _without_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "OSTLER_DATABASE"


def _revision(connection: sa.Connection) -> str | None:
    """Return the step that the tables are at, None where there are none yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(connection: sa.Connection, shown: str) -> None:
    """Bring the tables up to HEAD, in the transaction of this connection."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    current = _revision(connection)  # another process may have been faster
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise RecordsUnavailable(
            f"The records in {shown} were made by a newer Ostler (step {current}, not {HEAD}).",
            hint="Install that version, or set OSTLER_HOME to another folder.",
        )
    if current != HEAD:
        command.upgrade(config, HEAD)
