"""Requests and tokens, counted for each day, key and model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ostler.nouns import Use
from ostler.records.database import Database
from ostler.records.schema import usage

COUNTS = ("requests", "errors", "prompt_tokens", "completion_tokens", "seconds")
WHOSE = ("day", "key", "model")


class Usage:
    """The counts in the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, used: Iterable[Use]) -> None:
        """Add to the counts, all or none. Raises RecordsUnavailable."""
        with self._database.write() as connection:
            count(connection, used)

    def since(self, day: str) -> tuple[Use, ...]:
        """Return the counts from this day on, newest day first."""
        wanted = sa.select(usage).where(usage.c.day >= day)
        ordered = wanted.order_by(usage.c.day.desc(), usage.c.key, usage.c.model)
        with self._database.read() as connection:
            return tuple(Use(**row._mapping) for row in connection.execute(ordered))

    def tokens(self, day: str) -> dict[str, int]:
        """Return each key's tokens of one day, read and written together."""
        both = sa.func.sum(usage.c.prompt_tokens + usage.c.completion_tokens)
        wanted = sa.select(usage.c.key, both).where(usage.c.day == day).group_by(usage.c.key)
        with self._database.read() as connection:
            return {key: int(count) for key, count in connection.execute(wanted)}

    def last(self) -> dict[str, str]:
        """Return the last day (UTC) on which each key was used."""
        wanted = sa.select(usage.c.key, sa.func.max(usage.c.day).label("day")).group_by(usage.c.key)
        with self._database.read() as connection:
            return {row.key: row.day for row in connection.execute(wanted)}


def count(connection: sa.Connection, used: Iterable[Use]) -> None:
    """Add to the counts in a transaction of the caller's."""
    rows = [asdict(use) for use in used]
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(usage)
    more = {name: usage.c[name] + insert.excluded[name] for name in COUNTS}
    connection.execute(insert.on_conflict_do_update(index_elements=WHOSE, set_=more), rows)
