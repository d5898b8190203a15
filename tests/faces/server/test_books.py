"""Who may call, and in whose name the fleet's changes are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostler.core import fleet as f
from ostler.faces.server.books import Books
from ostler.faces.server.keys import hashed
from ostler.nouns import AccessKey, Measurement
from ostler.records.records import Records
from ostler.verbs import keyring

OWNER, FIXED = hashed("owner", "o"), hashed("file", "f")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records(tmp_path)
    yield opened
    opened.close()


def books(records: Records, fixed: bool = False, closed: bool = False) -> Books:
    keys = (FIXED,) if fixed else ()
    return Books(records, keys, OWNER, closed, lambda: None, lambda _: None)


def names(one: Books) -> set[str]:
    asyncio.run(one.ledger.reload())
    return {key.name for key in one.keys().values()}


def test_who_needs_a_key(records: Records) -> None:
    assert names(books(records)) == set(), "nobody does"
    assert names(books(records, closed=True)) == {"owner"}, "other machines could call"
    assert names(books(records, fixed=True)) == {"owner", "file"}
    keyring.create(AccessKey("anna", ""), records, "")
    assert names(books(records)) == {"owner", "anna"}
    keyring.revoke("anna", records, "")
    assert names(books(records)) == {"owner"}, "also after a restart"


def test_what_happens_is_told_in_the_name_of_who_asked(records: Records) -> None:
    one = books(records)
    fleet = f.fleet_of({"cpu": 100})
    one.changed(fleet)
    with one.asked("org/a", "key:anna"):
        one.changed(
            _with(fleet, f.Unit("org/a", f.State.READY, places=(f.Place("cpu", "cpu"),), needs=7))
        )
    why = "It made room for org/b."
    leaving = f.Unit("org/a", f.State.DRAINING, evicted_at=1.0, why=why)
    one.changed(_with(fleet, leaving))
    asyncio.run(one.ledger.keep())
    told = [(e.act, e.actor, e.why) for e in records.events.since()]
    assert told == [("load", "key:anna", ""), ("evict", "keeper", why)]
    assert b"ostler_models_loaded 0.0" in one.metrics.page()[0]


def test_measurements_are_known_or_not(records: Records) -> None:
    one = books(records)
    records.measurements.add([Measurement("org/a", "llamacpp", "1", "kv", 5)])
    assert [m.bytes for m in one.known("org/a", None, "llamacpp")] == [5]


def _with(fleet: f.Fleet, unit: f.Unit) -> f.Fleet:
    return fleet._replace(units=fleet.units.put(unit.id, unit))
