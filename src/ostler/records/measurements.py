"""What running models took, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import sqlalchemy as sa

from ostler.nouns import Measurement
from ostler.records.database import Database
from ostler.records.moment import now
from ostler.records.schema import measurements

# What makes a measurement the same as an earlier one: all but what it found, and when.
SAME = (
    *("model", "commit", "variant", "engine", "version", "component", "device", "source"),
    *("context", "sequences", "kv_dtype", "tensor_parallel", "flags"),
)
MOST = 2000  # rows that are looked at for one estimate, the newest first


class Measurements:
    """Measurements in the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, measured: Iterable[Measurement]) -> None:
        """Keep measurements, all or none. Raises RecordsUnavailable."""
        with self._database.write() as connection:
            insert(connection, measured)

    def about(self, model: str, family: str | None, engine: str) -> tuple[Measurement, ...]:
        """Return what was measured of this model or its family on this engine, newest first."""
        columns = measurements.c
        theirs = columns.model == model
        if family:
            theirs |= columns.family == family
        return self._found(sa.select(measurements).where(theirs, columns.engine == engine))

    def of(self, model: str) -> tuple[Measurement, ...]:
        """Return what was measured of this model on any engine, newest first."""
        return self._found(sa.select(measurements).where(measurements.c.model == model))

    def _found(self, wanted: sa.Select[tuple[object, ...]]) -> tuple[Measurement, ...]:
        newest = wanted.order_by(measurements.c.id.desc()).limit(MOST)
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
        return tuple(_measurement(row) for row in rows)


def insert(connection: sa.Connection, measured: Iterable[Measurement]) -> None:
    """Add measurements in a transaction of the caller's, in the place of the same ones before."""
    at = now()
    rows = [asdict(one) | {"at": one.at or at, "flags": json.dumps(one.flags)} for one in measured]
    for row in rows:
        same = [measurements.c[name].is_not_distinct_from(row[name]) for name in SAME]
        connection.execute(measurements.delete().where(*same))
    if rows:
        connection.execute(measurements.insert(), rows)


def _measurement(row: sa.Row[tuple[object, ...]]) -> Measurement:
    values = dict(row._mapping)
    del values["id"]
    flags = tuple((name, value) for name, value in json.loads(str(values["flags"])))
    return Measurement(**values | {"flags": flags})
