"""Read an engine's log for what is known to mean something."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ostler.core.diagnosis import diagnose
from ostler.core.logscan import Finding, Judge, engine_of, lines_of, scan
from ostler.ports import Engine

MOST = 4 << 20  # bytes that are read, of the log's end


class Scanned(NamedTuple):
    """What was found, and how much of the log was read for it."""

    findings: list[Finding]
    bytes_read: int
    bytes_before: int  # of the log that were not read
    engine: str | None  # None: the log does not say; only what all engines say was looked for


def scanned(path: Path, engines: Sequence[Engine], since: float | None = None) -> Scanned:
    """Say what a log holds that is known to mean something.

    `since` is in seconds since 1970: only what was written from then on, as far as the log has
    times. Raises FileNotFoundError.
    """
    with path.open("rb") as log:
        size = os.fstat(log.fileno()).st_size
        log.seek(max(0, size - MOST))
        data = log.read(MOST)
    if size > MOST:
        data = data.partition(b"\n")[2]
    lines = data.decode("utf-8", "replace").splitlines()
    name = engine_of(lines, [engine.name for engine in engines])
    said = lines_of(lines, offset())
    wanted = (one for one in said if since is None or (one.at is not None and one.at >= since))
    found = scan(wanted, _judge(next((one for one in engines if one.name == name), None)))
    return Scanned(found, len(data), size - len(data), name)


def offset() -> float:
    """Return how far the local time is ahead of UTC, in seconds."""
    return float(time.localtime().tm_gmtoff)


def _judge(engine: Engine | None) -> Judge:
    if engine is None:
        return lambda line: diagnose([line], None)
    return lambda line: engine.diagnose([line], None)
