"""The catalogue as a user has it: what comes along, what they changed, what they added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostler import data
from ostler.core import catalogue
from ostler.core.catalogue import Entry
from ostler.core.reasons import why
from ostler.core.weighing import facts_of, of_config
from ostler.errors import OstlerError, UnknownModel, UsageError
from ostler.nouns import Manifest, ModelFacts
from ostler.store import durable


@dataclass(frozen=True, slots=True)
class Shelf:
    """Every model that is known by a short name, and the files that could not be read."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...] = ()

    def find(self, name: str) -> Entry:
        """Return the model of this name. Raises UnknownModel with the close names."""
        return catalogue.find(name, self.entries)


@dataclass(frozen=True, slots=True)
class Difference:
    """What an entry says and its files say otherwise. The files win."""

    code: str
    what: str


def place(home: Path) -> Path:
    """Return the folder of the user's own entries, one YAML file for each."""
    return home / "catalogue"


def shelf(home: Path) -> Shelf:
    """Return the catalogue. A file of the user's that cannot be read is a fault, not an end."""
    entries = {entry.id: entry for entry in data.catalogue()}
    faults = []
    for path in sorted(place(home).glob("*.yaml")):
        try:
            said = _read(path)
            shipped = entries.get(path.stem)
            entries[path.stem] = (
                catalogue.changed(shipped, said) if shipped else catalogue.own(path.stem, said)
            )
        except OstlerError as error:
            faults.append(f"{path} is left out: {error.what}")
    return Shelf(tuple(entries.values()), tuple(faults))


def _read(path: Path) -> dict[str, Any]:
    import yaml  # few have entries of their own, and every pull asks for the catalogue

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"it cannot be read: {why(error)}") from error
    if not isinstance(said, dict):
        raise UsageError("it holds no names with values")
    return said


def plan_add(home: Path, id: str, said: Mapping[str, Any]) -> Entry:
    """Return the entry that would be added. Raises UsageError: a fault in it, or the name taken."""
    entry = catalogue.own(id, said)
    if id in {one.id for one in data.catalogue()} or (place(home) / f"{id}.yaml").exists():
        raise UsageError(
            f"Model '{id}' already exists.",
            hint=f"Choose another name, or change it: {place(home) / f'{id}.yaml'}",
        )
    return entry


def add(home: Path, id: str, said: Mapping[str, Any]) -> Path:
    """Write an entry that `plan_add` has taken; return its file."""
    import yaml

    path = place(home) / f"{id}.yaml"
    given = {name: value for name, value in said.items() if value not in (None, (), [])}
    text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
    durable.write(path, text.encode())
    return path


def plan_remove(home: Path, id: str) -> Path:
    """Return the file whose removal removes an entry.

    Raises UsageError for a model that comes along, UnknownModel for one that nobody added.
    """
    path = place(home) / f"{catalogue.checked_id(id)}.yaml"
    if path.exists():
        return path
    if id in {one.id for one in data.catalogue()}:
        raise UsageError(
            f"Cannot remove built-in model '{id}'. Only custom models can be removed.",
            hint=f"To change what it says, write {path}.",
        )
    raise UnknownModel(f"Custom model '{id}' not found.", hint="ostler models --own")


def remove(path: Path) -> None:
    """Remove an entry's file."""
    path.unlink(missing_ok=True)
    durable.sync_folder(path.parent)


def facts(entry: Entry) -> ModelFacts:
    """Return what is known of a model without asking a hub: from the config that comes along."""
    config = data.config(entry.config_of)
    counted = data.parameters().get(entry.config_of)
    if config is None and entry.billions:
        counted = int(entry.billions * 10**9)
    return facts_of(config, _held(entry, config), counted)


def _held(entry: Entry, config: Mapping[str, Any] | None) -> str | None:
    """Return the quantization to weigh by: as the model's own config.json says, else the entry."""
    own = of_config(config) if config is not None and entry.config_of == entry.repo else None
    return own or entry.quantization


def differences(entry: Entry, found: ModelFacts, licence: str | None = None) -> list[Difference]:
    """Return where an entry and its files disagree.

    `found` is what the files say, or the config that comes along; `licence` what the card says.
    """
    return [
        Difference(code, what)
        for code, what in (
            *_quantization(entry, found),
            *_sizes(entry, found),
            *_licence(entry, licence),
        )
    ]


def _quantization(entry: Entry, found: ModelFacts) -> Sequence[tuple[str, str]]:
    held = found.quantization or {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}.get(
        found.dtype or ""
    )
    said = entry.quantization
    if not said or not held or said in held or _bits(said) == _bits(held):
        return ()
    what = f"The entry says {said}, the files are {held}."
    return (("quantization_mismatch", what),)


def _bits(name: str) -> str:
    for bits, names in {
        "16": ("fp16", "bf16"),
        "8": ("int8", "fp8", "8-bit", "q8", "f8"),
        "4": ("int4", "awq", "gptq", "4-bit", "q4", "mxfp4"),
    }.items():
        if any(one in name for one in names):
            return bits
    return name


def _sizes(entry: Entry, found: ModelFacts) -> list[tuple[str, str]]:
    faults = []
    counted, typed = found.parameters, entry.billions
    if counted and typed and abs(typed * 10**9 - counted) > 0.15 * counted:
        what = f"The entry says {typed:g} B parameters, the files hold {counted:,}."
        faults.append(("parameters_mismatch", what))
    limit = found.context_length
    if entry.context and limit and entry.context > limit:
        what = f"The entry says {entry.context:,} tokens of context, the files take {limit:,}."
        faults.append(("context_exceeds_model", what))
    return faults


def _licence(entry: Entry, licence: str | None) -> Sequence[tuple[str, str]]:
    if licence is None or entry.licence in (None, licence):
        return ()
    what = f"The entry says licence {entry.licence}, the card says {licence}."
    return (("licence_mismatch", what),)


def kept(entry: Entry, manifests: Sequence[Manifest]) -> Manifest | None:
    """Return the newest of what is kept of a model, under any of its names."""
    names = {entry.repo, *entry.renamed_from, *(edition.repo for edition in entry.editions)}
    same = [one for one in manifests if one.name in names or names & set(one.aliases)]
    return max(same, key=lambda one: one.pulled_at, default=None)
