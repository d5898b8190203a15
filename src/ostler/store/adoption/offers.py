"""A model that lies in another application's folder, as it was found there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ostler.core.pointers import LONGEST, Pointer, pointer
from ostler.errors import CorruptFile


@dataclass(frozen=True, slots=True)
class Lying:
    """One file: its name in the repository, where it lies, and the hash that the place gives it."""

    path: str
    place: Path
    size: int
    sha256: str | None = None  # by the name or the notes of the application that put it there
    git_sha1: str | None = None
    pointer: Pointer | None = None  # what lies here is not the file but its pointer


@dataclass(frozen=True, slots=True)
class Offer:
    """One model that can be taken in."""

    kind: str  # "Hugging Face cache", "Ollama store", "git-lfs clone" or "folder"
    files: tuple[Lying, ...]
    name: str | None = None  # owner/name, where the place tells it
    commit: str | None = None
    revisions: tuple[str, ...] = ()
    variant: str | None = None  # the tag of an Ollama model

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def lying(path: str, place: Path, **known: str | None) -> Lying:
    """Look at one file: its size, and whether it is only a pointer."""
    try:
        size = place.stat().st_size
        found = pointer(place.read_bytes()) if size <= LONGEST else None
    except OSError as error:
        raise CorruptFile(f"{place} cannot be read: {error.strerror}.") from error
    return Lying(path, place, size, pointer=found, **known)


def below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, place) of every file in a folder and below; hidden ones are not the model's."""
    for place in sorted(folder.rglob("*")):
        parts = place.relative_to(folder).parts
        if place.is_file() and not any(part.startswith(".") for part in parts):
            yield "/".join(parts), place
