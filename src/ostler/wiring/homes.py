"""What a home keeps: models, records, results, logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core.naming import Named, find, served_names
from ostler.errors import UnknownModel
from ostler.settings import Settings
from ostler.store import Store

if TYPE_CHECKING:
    from ostler.records.notes import Notes
    from ostler.records.records import Records
    from ostler.store.benchmarks import Benchmarks


def store(settings: Settings) -> Store:
    """Return the store of this home."""
    return Store(settings.home)


def named(settings: Settings, text: str) -> Named:
    """Return the kept model that a text means. Raises BadRef, UnknownModel, UsageError."""
    kept = store(settings)
    names = served_names(kept.models())
    exact = find(names, text)
    if exact:
        return exact
    from ostler.core.refs import parse

    manifest, variant = kept.resolve(parse(text))
    for one in names:
        if (one.manifest.commit, one.variant) == (manifest.commit, variant):
            return one
    raise UnknownModel(f"{text} is not kept here.", hint=f"ostler pull {text}")


def records(settings: Settings) -> Records:
    """Open the records: keys, events, attempts, measurements, usage. Raises RecordsUnavailable."""
    from ostler.records.records import Records

    return Records(settings.home, settings.database)


def notes(settings: Settings) -> Notes | Records:
    """Open the records for writing alone, at once where they are a file in the home.

    Raises RecordsUnavailable.
    """
    from ostler.records.notes import Notes, OtherTables

    if settings.database:
        return records(settings)
    try:
        return Notes(settings.home)
    except OtherTables:
        return records(settings)


def has_records(settings: Settings) -> bool:
    """Say whether anything was ever written down; asking makes no records."""
    return bool(settings.database) or (settings.home / "ostler.db").exists()


def benchmarks(settings: Settings) -> Benchmarks:
    """Return the results of `ostler bench`."""
    from ostler.store.benchmarks import Benchmarks

    return Benchmarks(settings.home / "benchmarks")


def log_path(settings: Settings, model: str) -> Path:
    """Return the log file of a model's engine."""
    plain = model.replace("/", "--").replace("#", "--").replace("@", "--")
    return settings.logs_dir / f"{plain}.log"
