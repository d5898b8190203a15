"""Tries to download a model: how often, how the last one ended, and why it failed."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from ostler.nouns import Attempt
from ostler.records.database import Database
from ostler.records.moment import now
from ostler.records.schema import attempts


class Attempts:
    """Tries to download, in the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, attempt: Attempt) -> None:
        """Keep one try. Raises RecordsUnavailable."""
        with self._database.write() as connection:
            insert(connection, attempt)

    def of(self, name: str) -> tuple[Attempt, ...]:
        """Return the tries for org/name, with or without #quantization, oldest first."""
        wanted = (
            sa.select(attempts)
            .where((attempts.c.model == name) | attempts.c.model.startswith(f"{name}#"))
            .order_by(attempts.c.id)
        )
        with self._database.read() as connection:
            return tuple(_attempt(row) for row in connection.execute(wanted))

    def counts(self) -> dict[str, int]:
        """Return how many tries ended in which way."""
        wanted = sa.select(attempts.c.outcome, sa.func.count()).group_by(attempts.c.outcome)
        with self._database.read() as connection:
            return {outcome: int(count) for outcome, count in connection.execute(wanted)}


def insert(connection: sa.Connection, attempt: Attempt) -> None:
    """Add one try in a transaction of the caller's."""
    values = asdict(attempt) | {"at": attempt.at or now()}
    connection.execute(attempts.insert().values(values))


def _attempt(row: sa.Row[tuple[object, ...]]) -> Attempt:
    values = dict(row._mapping)
    del values["id"]
    return Attempt(**values)
