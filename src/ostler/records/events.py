"""What happened: who did what to what, when, and why. Events are added and never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import sqlalchemy as sa

from ostler.nouns import Event
from ostler.records.database import Database
from ostler.records.moment import now
from ostler.records.schema import events


class Events:
    """The history in the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, happened: Iterable[Event]) -> tuple[Event, ...]:
        """Keep events, all or none; return them with their numbers and moments."""
        with self._database.write() as connection:
            return tuple(insert(connection, event) for event in happened)

    def since(
        self,
        at: str = "",
        *,
        after: int = 0,
        acts: Sequence[str] = (),
        subject: str | None = None,
        limit: int = 1000,
    ) -> tuple[Event, ...]:
        """Return the last `limit` events from a moment on, and after a number, oldest first."""
        wanted = sa.select(events).where(events.c.at >= at, events.c.id > after)
        if acts:
            wanted = wanted.where(events.c.act.in_(acts))
        if subject is not None:
            wanted = wanted.where(events.c.subject == subject)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(events.c.id.desc()).limit(limit)).all()
        return tuple(_event(row) for row in reversed(rows))


def insert(connection: sa.Connection, event: Event) -> Event:
    """Add one event in a transaction of the caller's; return it as it is kept."""
    values = asdict(event) | {
        "at": event.at or now(),
        "facts": json.dumps(dict(event.facts), default=str),
    }
    del values["id"]
    done = connection.execute(events.insert().values(values))
    number = done.inserted_primary_key[0] if done.inserted_primary_key else 0
    return Event(**values | {"id": number, "facts": event.facts})


def _event(row: sa.Row[tuple[object, ...]]) -> Event:
    values = dict(row._mapping)
    return Event(**values | {"facts": json.loads(str(values["facts"]))})
