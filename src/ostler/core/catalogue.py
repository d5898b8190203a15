"""The catalogue: models known by a short name, what they are for, and what is claimed of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ostler.core.refs import parse as parse_ref
from ostler.core.weighing import QUANTIZATIONS
from ostler.errors import UnknownModel, UsageError

TASKS = ("chat", "coding", "reasoning", "vision", "completion", "embed", "rerank")
PLATFORMS = ("cpu", "nvidia", "amd", "apple")
SMALLEST_CONTEXT = 512
LISTS = ("renamed_from", "tasks", "base", "good_for", "not_good_for")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Edition:
    """The repository to take on one platform."""

    platform: str
    repo: str
    variant: str  # "q4_k_m", "awq", "4bit"
    source: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue. What is typed here yields to what its files say."""

    id: str
    repo: str
    tasks: tuple[str, ...] = ()
    licence: str | None = None  # None: not known
    base: tuple[str, ...] = ()  # repositories it was made from
    renamed_from: tuple[str, ...] = ()  # names its repository had before
    config: str = ""  # the repository whose config.json describes it; "": its own
    quantization: str | None = None  # typed; None: as config.json says
    billions: float | None = None  # typed: the size in its name, which rules of thumb take
    context: int | None = None  # typed, in tokens; None: as config.json says
    good_for: tuple[str, ...] = ()
    not_good_for: tuple[str, ...] = ()
    notes: str = ""
    editions: tuple[Edition, ...] = ()
    origin: str = "shipped"  # "user": added; "shipped, changed by user"
    source: str = ""
    as_of: str = ""
    changed: tuple[str, ...] = field(default=())  # what the user's file changes of a shipped one

    @property
    def config_of(self) -> str:
        return self.config or self.repo

    @property
    def names(self) -> tuple[str, ...]:
        """Everything this model may be called, its own id first."""
        return (self.id, self.repo, *self.renamed_from)


def parse(
    rows: Iterable[Mapping[str, str]], editions: Iterable[Mapping[str, str]]
) -> tuple[Entry, ...]:
    """Return the entries of data/catalogue.csv with the editions of data/variants.csv."""
    by_id: dict[str, list[Edition]] = {}
    for row in editions:
        one = Edition(row["platform"], row["repo"], row["variant"], row["source"])
        by_id.setdefault(row["id"], []).append(one)
    return tuple(_shipped(row, tuple(by_id.get(row["id"], ()))) for row in rows)


def _shipped(row: Mapping[str, str], editions: tuple[Edition, ...]) -> Entry:
    lists = {name: tuple(filter(None, row[name].split("|"))) for name in LISTS}
    return Entry(
        id=row["id"],
        repo=row["repo"],
        tasks=lists["tasks"],
        licence=row["licence"] or None,
        base=lists["base"],
        renamed_from=lists["renamed_from"],
        config=row["config"],
        quantization=row["quantization"] or None,
        billions=float(row["nominal_billions"]) if row["nominal_billions"] else None,
        context=int(row["context"]) if row["context"] else None,
        good_for=lists["good_for"],
        not_good_for=lists["not_good_for"],
        notes=row["notes"],
        editions=editions,
        source=row["source"],
        as_of=row["as_of"],
    )


# What a user's file may say, under the names that the seeds' files use too.
FIELDS = {
    "hf_path": "repo",
    "params_billions": "billions",
    "quantization": "quantization",
    "context_length": "context",
    "licence": "licence",
    "notes": "notes",
    "good_for": "good_for",
    "not_good_for": "not_good_for",
    "tasks": "tasks",
    "base": "base",
}
REQUIRED = ("hf_path", "params_billions", "quantization", "context_length")


def own(id: str, said: Mapping[str, Any]) -> Entry:
    """Return an entry from what a user says of it. Raises UsageError with every fault."""
    lacking = [name for name in REQUIRED if said.get(name) in (None, "")]
    if lacking:
        raise UsageError(f"Missing required fields: {', '.join(lacking)}")
    return replace(Entry(checked_id(id), str(said["hf_path"]), origin="user"), **checked(said))


def changed(entry: Entry, said: Mapping[str, Any]) -> Entry:
    """Return a shipped entry with what a user's file says instead. Raises UsageError."""
    values = checked(said)
    return replace(entry, **values, origin="shipped, changed by user", changed=tuple(values))


def checked_id(id: str) -> str:
    """Return a name that may be an entry's. Raises UsageError."""
    if not _ID.fullmatch(id):
        raise UsageError(
            f"{id!r} cannot be a model's name here.",
            hint="Use a-z 0-9 . _ - and at most 64 characters, for example mistral-nemo-12b.",
        )
    return id


def checked(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a user's words set. Raises UsageError with every fault in them."""
    faults = [
        *(f"there is no field {name!r}" for name in said if name not in FIELDS),
        *filter(None, (_fault(name, said[name]) for name in FIELDS if said.get(name) is not None)),
    ]
    if faults:
        text = "; ".join(faults)
        raise UsageError(text[0].upper() + text[1:] + ".", hint="ostler models add --help")
    values = {FIELDS[name]: value for name, value in said.items() if value is not None}
    for name in LISTS:
        if name in values:
            values[name] = tuple(str(one) for one in values[name])
    if "quantization" in values:
        values["quantization"] = values["quantization"].lower()
    return values


def _fault(name: str, value: Any) -> str | None:
    """Say what is wrong with one value; None for nothing."""
    if FIELDS[name] in LISTS:
        if not isinstance(value, list | tuple):
            return f"{name} must be a list"
        strange = {str(one) for one in value} - set(TASKS)
        return f"tasks must be among {', '.join(TASKS)}" if name == "tasks" and strange else None
    if name == "params_billions":
        return None if _positive(value) else "params_billions must be a positive number"
    if name == "context_length":
        fine = type(value) is int and value >= SMALLEST_CONTEXT
        return None if fine else f"context_length must be an integer >= {SMALLEST_CONTEXT}"
    if not isinstance(value, str):
        return f"{name} must be a text"
    if name == "quantization" and value.lower() not in QUANTIZATIONS:
        return f"invalid quantization '{value}'. Must be one of: {', '.join(QUANTIZATIONS)}"
    if name == "hf_path":
        parse_ref(value)
    return None


def _positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 1e6


def find(name: str, entries: Sequence[Entry]) -> Entry:
    """Return the model of this name: its id, its repository, or a name that had before.

    Raises UnknownModel with the close names.
    """
    wanted = name.lower().removeprefix("hf:")
    for entry in entries:
        if wanted in (one.lower() for one in entry.names):
            return entry
    for entry in entries:
        if any(wanted == edition.repo.lower() for edition in entry.editions):
            return entry
    close = _close(wanted, entries)
    meant = f" Did you mean {', '.join(f'`{one}`' for one in close)}?" if close else ""
    raise UnknownModel(
        f"Model '{name}' not found.{meant}",
        hint="Use 'ostler models' to see available models.",
        close=close,
    )


def _close(wanted: str, entries: Sequence[Entry]) -> list[str]:
    from difflib import get_close_matches

    known = {one.lower(): entry.id for entry in entries for one in entry.names}
    known |= {one.partition("/")[2]: id for one, id in known.items() if "/" in one}
    near = get_close_matches(wanted, known, n=6, cutoff=0.6)
    return list(dict.fromkeys(known[one] for one in near))[:3]


def select(entries: Iterable[Entry], task: str | None, text: str | None = None) -> list[Entry]:
    """Return the entries for a task whose names or advice hold a text."""
    wanted = (text or "").lower()
    return [
        entry
        for entry in entries
        if (task is None or task in entry.tasks)
        and wanted in " ".join((*entry.names, *entry.good_for, entry.notes)).lower()
    ]
