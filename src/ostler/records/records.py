"""All records of a home behind one name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ostler.nouns import Attempt, Event, Measurement, Use
from ostler.records import attempts, events, measurements, usage
from ostler.records.attempts import Attempts
from ostler.records.database import open_database
from ostler.records.events import Events
from ostler.records.keys import Keys
from ostler.records.measurements import Measurements
from ostler.records.usage import Usage


class Records:
    """Keys, events, attempts, measurements and usage. Used from several threads at once."""

    def __init__(self, home: Path, url: str = "") -> None:
        """Open them, and bring their tables up to date.

        Raises RecordsUnavailable, and UsageError for a URL that names no database we know.
        """
        database = self._database = open_database(home, url)
        self.keys = Keys(database)
        self.events = Events(database)
        self.attempts = Attempts(database)
        self.measurements = Measurements(database)
        self.usage = Usage(database)

    def add(
        self, happened: Iterable[Event], measured: Iterable[Measurement], used: Iterable[Use]
    ) -> tuple[Event, ...]:
        """Keep a batch, all or none; return its events with their numbers.

        Raises RecordsUnavailable.
        """
        with self._database.write() as connection:
            measurements.insert(connection, measured)
            usage.count(connection, used)
            return tuple(events.insert(connection, event) for event in happened)

    def downloaded(self, attempt: Attempt, event: Event) -> None:
        """Keep a try to download and the event that tells of it. Raises RecordsUnavailable."""
        with self._database.write() as connection:
            attempts.insert(connection, attempt)
            events.insert(connection, event)

    def happened(self, told: Iterable[Event]) -> None:
        """Keep events, all or none. Raises RecordsUnavailable."""
        self.events.add(told)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
