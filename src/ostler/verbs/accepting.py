"""Acceptance of a licence on record: who, when, for which use, and the text that was accepted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ostler.core.licences import Terms
from ostler.core.plans import LEGAL
from ostler.core.reasons import why
from ostler.errors import CorruptFile
from ostler.nouns import Manifest
from ostler.store import Store, durable


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted a model's licence, when, and which text lay with it."""

    model: str
    commit: str
    licence: str | None
    use: str
    by: str
    at: str  # UTC, ISO 8601
    texts: tuple[tuple[str, str], ...] = ()  # (path in the repository, sha256 of the copy kept)


def record(home: Path, model: str, commit: str) -> Path:
    """Return where the acceptance of a model's licence is, or would be."""
    return home / "licences" / "accepted" / f"{model.replace('/', '--')}@{commit}.json"


def accepted(home: Path, model: str, commit: str) -> Acceptance | None:
    """Return who accepted the licence of a model at a commit; None for nobody."""
    path = record(home, model, commit)
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_bytes())
        texts = tuple((str(one), str(sha)) for one, sha in said.pop("texts"))
        return Acceptance(**said, texts=texts)
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFile(
            f"{path} is damaged: {why(error)}.",
            hint=f"Remove it and accept again: ostler licences accept {model}",
        ) from error


def accept(store: Store, terms: Terms, commit: str, use: str, by: str, at: str) -> Acceptance:
    """Write down who accepted a model's licence and when, and keep a copy of its text."""
    manifest = store.get("hf", terms.model, commit)
    texts = tuple(_texts(store, manifest)) if manifest else ()
    made = Acceptance(terms.model, commit, terms.stated, use, by, at, texts)
    path = record(store.home, made.model, commit)
    durable.write(path, json.dumps(asdict(made), indent=1).encode())
    return made


def _texts(store: Store, manifest: Manifest) -> Iterable[tuple[str, str]]:
    """Copy the texts that state a model's terms, so that they outlive its removal."""
    for file in manifest.files:
        if _legal(file.path):
            kept = store.home / "licences" / "texts" / file.sha256
            if not kept.exists():
                durable.write(kept, store.blob_path(file.sha256).read_bytes())
            yield file.path, file.sha256


def source_of(manifest: Manifest) -> str:
    """Return the file that states a kept model's licence: its text, else its card, else none."""
    paths = [file.path for file in manifest.files if _legal(file.path)]
    texts = [path for path in paths if "readme" not in path.lower()]
    return next(iter((*texts, *paths)), "")


def _legal(path: str) -> bool:
    """Say whether a file is a licence's text, a notice or a card."""
    return LEGAL.match(path.rpartition("/")[2]) is not None
