"""The guide as a user has it: a view of the catalogue, and what they imported."""

from __future__ import annotations

import json
from pathlib import Path

from ostler import data
from ostler.core import guide
from ostler.core.catalogue import Entry
from ostler.core.guide import Advice
from ostler.core.needing import need
from ostler.core.reasons import why
from ostler.core.weighing import facts_of, of_config
from ostler.errors import CorruptFile, UsageError
from ostler.nouns import Workload
from ostler.store import durable
from ostler.verbs import catalogue


def kept_in(home: Path) -> Path:
    """Return where an imported guide is, or would be."""
    return home / "guide.json"


def advice(home: Path) -> tuple[Advice, ...]:
    """Return all advice, imported first. Raises CorruptFile."""
    shelf = catalogue.shelf(home)
    return (*imported(home), *(one for entry in shelf.entries for one in _of(entry)))


def imported(home: Path) -> tuple[Advice, ...]:
    """Return what was imported. Raises CorruptFile."""
    path = kept_in(home)
    if not path.exists():
        return ()
    try:
        return guide.reread(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFile(
            f"{path} is damaged: {why(error)}.",
            hint=f"Remove {path} and import the guide again.",
        ) from error


def plan_import(path: Path) -> tuple[Advice, ...]:
    """Read a guide that others wrote. Raises UsageError."""
    try:
        return guide.read(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {why(error)}.") from error


def carry_out(home: Path, planned: tuple[Advice, ...], replace: bool) -> None:
    """Keep what was planned: instead of what was imported before, or in front of it."""
    names = {(one.model, one.platform) for one in planned}
    before = () if replace else imported(home)
    left = (one for one in before if (one.model, one.platform) not in names)
    kept = guide.written((*planned, *left))
    durable.write(kept_in(home), json.dumps(kept, indent=1).encode())


def _of(entry: Entry) -> list[Advice]:
    """Return the advice on one model of the catalogue."""
    facts = catalogue.facts(entry)
    config = data.config(entry.config_of)
    held = entry.quantization or of_config(config or {})
    size = guide.size_class(facts.parameters)
    return [
        Advice(entry.id, entry.tasks, one.platform, guide.reference(one), one.variant, size,
               _memory(entry, one.variant))
        for one in guide.editions(entry, held)
    ]  # fmt: skip


def _memory(entry: Entry, variant: str) -> int | None:
    """Return the bytes for one request with an edition; None where they are not known."""
    held = guide.weighed_as(variant)
    if held is None:
        return None
    counted = data.parameters().get(entry.config_of)
    facts = facts_of(data.config(entry.config_of), held, counted)
    try:
        return need(entry, facts, Workload())(1).total
    except UsageError:
        return None
