"""Nouns of keeping: what a user types, and what is kept here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What a model is asked to do; it decides the endpoint and the engine's flags."""

    CHAT = "chat"
    EMBED = "embed"
    RERANK = "rerank"


class Format(StrEnum):
    """How the weights are stored."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"
    PYTORCH = "pytorch"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """What a user types: `hf:org/name@revision#variant`, or `folder:/a/place#variant`."""

    name: str
    revision: str | None = None
    variant: str | None = None
    source: str = "hf"
    place: str | None = None  # a path or an address, of the sources that have no names

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        of = f"#{self.variant}" if self.variant else ""
        return f"{self.source}:{self.place or self.name}{at}{of}"


@dataclass(frozen=True, slots=True)
class Variant:
    """One servable choice inside a repository: a quantization with all of its shards."""

    name: str  # "q4_k_m", "f32", "safetensors", "awq"; unique within the repository
    format: Format
    files: tuple[str, ...]  # weight files in shard order
    missing: tuple[str, ...] = ()  # shards that the names promise and the listing lacks


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One verified file: its path in the repository, and the blob that holds its bytes."""

    path: str
    size: int
    sha256: str
    git_sha1: str | None = None
    blocks: str = ""  # see core/blocks.py; empty: none were made, or the file is one block


@dataclass(frozen=True, slots=True)
class Manifest:
    """A repository at one commit, as kept here. It exists only once every file is verified."""

    source: str
    name: str
    commit: str
    files: tuple[KeptFile, ...]
    revisions: tuple[str, ...] = ()  # branch and tag names that led to this commit
    aliases: tuple[str, ...] = ()  # former names of the repository
    licence: str | None = None
    gated: str | None = None  # as the hub had it; a hub of ours passes it on
    private: bool = False
    task: str | None = None
    tags: tuple[str, ...] = ()
    pulled_at: str = ""  # UTC, ISO 8601
    origin: str = ""  # the hub's address, without credentials
    tool: str = ""  # "ostler 0.1.0"
    derived_from: str = ""  # what it was made from here: "hf:org/name@<commit>#f16"
    made_by: str = ""  # the program that made it: "llama.cpp (xllamacpp 2026.10.11549), q4_k_m"

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)
