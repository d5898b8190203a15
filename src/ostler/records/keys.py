"""The keys that callers show, known here by their hashes alone."""

from __future__ import annotations

import json

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ostler.errors import KeyExists, UnknownKey
from ostler.nouns import AccessKey, Event
from ostler.records.database import Database
from ostler.records.events import insert
from ostler.records.moment import now
from ostler.records.schema import keys


class Keys:
    """Keys in the records. A change and the event that tells of it are kept together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[AccessKey, ...]:
        """Return every key there ever was, in the order they were made."""
        with self._database.read() as connection:
            return tuple(_key(row) for row in connection.execute(sa.select(keys).order_by("id")))

    def edition(self) -> tuple[object, ...]:
        """Return what is another with every change of the keys; cheaper than reading them."""
        columns = keys.c
        asked = sa.select(
            sa.func.max(columns.id), sa.func.count(columns.revoked_at), sa.func.count(columns.id)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(asked).one())

    def add(self, key: AccessKey, event: Event) -> None:
        """Keep a new key. Raises KeyExists where its name is taken, RecordsUnavailable."""
        with self._database.write() as connection:
            _insert(connection, key)
            insert(connection, event)

    def replace(self, key: AccessKey, event: Event) -> None:
        """Revoke the key of this name and keep the new one. Raises UnknownKey."""
        with self._database.write() as connection:
            _revoke(connection, key.name)
            _insert(connection, key)
            insert(connection, event)

    def revoke(self, name: str, event: Event) -> None:
        """End a key. Raises UnknownKey, RecordsUnavailable."""
        with self._database.write() as connection:
            _revoke(connection, name)
            insert(connection, event)


def _insert(connection: sa.Connection, key: AccessKey) -> None:
    try:
        connection.execute(
            keys.insert().values(
                name=key.name,
                sha256=key.sha256,
                role=key.role,
                models=json.dumps(key.models),
                requests_per_minute=key.requests_per_minute,
                concurrent=key.concurrent,
                tokens_per_day=key.tokens_per_day,
                created_at=now(),
            )
        )
    except IntegrityError:
        raise KeyExists(
            f"A key named '{key.name}' is in force.",
            hint=f"`ostler keys rotate {key.name}` replaces it, `ostler keys revoke` ends it.",
        ) from None


def _revoke(connection: sa.Connection, name: str) -> None:
    ended = connection.execute(
        keys.update()
        .where(keys.c.name == name, keys.c.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    if ended.rowcount == 0:
        raise UnknownKey(f"There is no key '{name}' in force.", hint="ostler keys ls")


def _key(row: sa.Row[tuple[object, ...]]) -> AccessKey:
    values = dict(row._mapping)
    del values["id"]
    return AccessKey(**values | {"models": tuple(json.loads(str(values["models"])))})
