"""A plain folder or file: a manual download, a copy, LM Studio's `<owner>/<name>/`.

Where the Hub's client downloaded into it (`--local-dir`), its notes tell each file's commit and
ETag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ostler.store.adoption.offers import Lying, Offer, below, lying

WEIGHTS = (".gguf", ".safetensors", ".bin", ".pth", ".pt")
_NOTES = Path(".cache/huggingface/download")
_HEX = re.compile(r"[0-9a-f]+")


def offers(place: Path) -> Iterator[Offer]:
    """Yield the folder as one model, or each `<owner>/<name>` below that holds weights."""
    if place.is_file():
        yield Offer("folder", (lying(place.name, place),))
        return
    models = [] if _weights(place) else sorted(p for p in place.glob("*/*") if _weights(p))
    for folder in models:
        yield _offer(folder, f"{folder.parent.name}/{folder.name}")
    if not models:
        yield _offer(place, None)


def _weights(folder: Path) -> bool:
    return folder.is_dir() and any(one.suffix.lower() in WEIGHTS for one in folder.iterdir())


def _offer(folder: Path, name: str | None) -> Offer:
    notes = {path: _note(folder / _NOTES / f"{path}.metadata") for path, _ in below(folder)}
    commits = {commit for commit, _ in notes.values()}
    known = commits.pop() if len(commits) == 1 else None
    files = tuple(_file(path, place, notes[path][1]) for path, place in below(folder))
    return Offer("folder", files, name=name, commit=known)


def _file(path: str, place: Path, etag: str | None) -> Lying:
    if etag and len(etag) == 64:
        return lying(path, place, sha256=etag)
    return lying(path, place, git_sha1=etag if etag and len(etag) == 40 else None)


def _note(place: Path) -> tuple[str | None, str | None]:
    """Return (commit, ETag) as the Hub's client noted them, each None where it did not."""
    lines = place.read_text(errors="replace").split("\n") if place.is_file() else []
    known = [line if _HEX.fullmatch(line) else None for line in lines[:2]]
    commit, etag = known if len(known) == 2 else (None, None)
    return commit if commit and len(commit) == 40 else None, etag
