"""When the lines of an engine's log were written; pure.

The line that Ostler writes before each start has its time in UTC. llama.cpp counts from its start;
others write the local time, vLLM without the year. A line without a time was written with the
latest one that has any, as far as anybody knows; before that there is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

HEADER = re.compile(
    r"=== (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ostler starts(?P<within> in a container)?"
)
SINCE_START = re.compile(r"(\d+)\.(\d\d)\.(\d{3})\.\d{3} ")  # minutes, seconds, thousandths
WHOLE = re.compile(r".{0,40}?\b(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)\b")
YEARLESS = re.compile(
    r".{0,40}?\b(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) (\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b"
)
HALF_A_YEAR = timedelta(days=183)


class Times:
    """Reads a log from its beginning, line by line."""

    def __init__(self, offset: float) -> None:
        """`offset` is the local time's, in seconds east of UTC."""
        self._local = timezone(timedelta(seconds=offset))
        self._zone: timezone = self._local
        self._start: datetime | None = None
        self._latest: float | None = None

    def of(self, line: str) -> float | None:
        """Return when the next line was written, in seconds since 1970; None: nobody knows."""
        try:
            found = self._read(line)
        except (ValueError, OverflowError):  # it looks like a time and is none
            found = None
        if found is not None:
            self._latest = found.timestamp()
        return self._latest

    def _read(self, line: str) -> datetime | None:
        if begins := HEADER.match(line):
            self._start = datetime.strptime(begins[1], "%Y-%m-%dT%H:%M:%S%z")
            self._zone = UTC if begins["within"] else self._local
            return self._start
        if self._start is not None and (found := SINCE_START.match(line)):
            minutes, seconds, thousandths = map(int, found.groups())
            passed = timedelta(minutes=minutes, seconds=seconds, milliseconds=thousandths)
            return self._start + passed
        if found := WHOLE.match(line):
            return datetime(*map(int, found.groups()), tzinfo=self._zone)  # type: ignore[misc,arg-type]
        if self._start is not None and (found := YEARLESS.match(line)):
            return self._in_its_year(*map(int, found.groups()))
        return None

    def _in_its_year(self, month: int, day: int, hour: int, minute: int, second: int) -> datetime:
        assert self._start is not None
        year = self._start.astimezone(self._zone).year
        written = datetime(year, month, day, hour, minute, second, tzinfo=self._zone)
        if self._start - written > HALF_A_YEAR:  # it ran into the next one
            return written.replace(year=year + 1)
        return written
