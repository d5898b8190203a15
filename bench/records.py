"""`python -m bench records`: what writing things down costs, and what measuring adds to a start."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.rows import Row, alternate, median
from ostler.core.loadlog import read
from ostler.nouns import AccessKey, Event, Use
from ostler.probe.processes import memory_of
from ostler.records.database import open_database
from ostler.records.records import Records
from ostler.verbs import keyring
from ostler.verbs.learning import lines_from

LOG = Path(__file__).parents[1] / "tests/core/logs/llamacpp-xllamacpp-2026.10.11549.log"
KEYS = 1000
BATCH = [Use("2026-11-20", f"key{n % 20}", f"org/{n // 20}", 1, 0, 10, 10, 0.1) for n in range(200)]


def rows(rounds: int) -> list[Row]:
    """Measure in milliseconds; a SQLite file on the disk of the system's temporary folder."""
    with tempfile.TemporaryDirectory(prefix="ostler-bench-") as folder:
        home = Path(folder)
        records = Records(home / "kept")
        for number in range(KEYS):
            keyring.create(AccessKey(f"key{number}", ""), records, "bench")
        fresh = (home / f"new{number}" for number in itertools.count())
        sides: dict[str, Callable[[], object]] = {
            "records made (all tables, one transaction)": lambda: open_database(
                next(fresh)
            ).close(),
            "records opened": lambda: open_database(home / "kept").close(),
            "one event, acknowledged (on the disk)": lambda: records.events.add(
                [Event("load", "org/a")]
            ),
            "a second's counts of 20 keys x 10 models": lambda: records.usage.add(BATCH),
            f"{KEYS} keys looked at for a change (once a second)": lambda: records.keys.edition(),
            f"{KEYS} keys read (when one has changed)": lambda: records.keys.all(),
            "a start's log and process read (after it is ready)": _measured,
        }
        samples = alternate({name: _timed(side) for name, side in sides.items()}, rounds)
        records.close()
    return [Row(name, round(median(times), 2), "ms") for name, times in samples.items()]


def _timed(act: Callable[[], object]) -> Callable[[], float]:
    def side() -> float:
        began = time.perf_counter()
        act()
        return (time.perf_counter() - began) * 1000

    return side


def _measured() -> None:
    """What is done beside the first requests of a model that has become ready."""
    read("llamacpp", lines_from(str(LOG), 0))
    memory_of(os.getpid())
