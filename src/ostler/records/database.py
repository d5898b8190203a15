"""The database: SQLite in the home, or PostgreSQL where several servers share one.

A record is acknowledged when its transaction has ended, and then it is on the disk: SQLite
writes ahead (WAL) and syncs with every commit. The tables are made and changed in one
transaction that holds the database's own lock, so a kill leaves the old tables or the new.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ostler.core.reasons import why
from ostler.errors import RecordsUnavailable, UsageError
from ostler.records.head import HEAD
from ostler.records.notes import owned_alone

BUSY_SECONDS = 30  # how long to wait for another process that writes
MIGRATING = 0x05713  # the number of PostgreSQL's advisory lock while tables are made
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A database whose tables are current."""

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self._engine, self.shown = engine, shown

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state of everything. Raises RecordsUnavailable."""
        with refusals(self.shown), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose changes are kept, all or none, when the block has ended.

        Raises RecordsUnavailable.
        """
        with refusals(self.shown), self._engine.connect() as connection:
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
        engine = _postgresql(url) if url else _sqlite(home / "ostler.db")
        database = Database(engine, shown)
        with database.read() as connection:
            current = _revision(connection)
        if current != HEAD:
            with database.write() as connection:
                _migrate(connection, shown)
    return database


@contextmanager
def refusals(shown: str) -> Iterator[None]:
    """Turn what the database says into a refusal of ours."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        said = why(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise RecordsUnavailable(
            f"The records in {shown} cannot be used: {said}.",
            hint="See that it may be written and has room; a damaged ostler.db can be moved away.",
            database=shown,
        ) from error


def _sqlite(path: Path) -> sa.Engine:
    owned_alone(path)
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
