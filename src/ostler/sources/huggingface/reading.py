"""What a hub's answers say, as our nouns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostler.core import hashes, listed, refs
from ostler.errors import BadRef
from ostler.nouns import Found, RemoteFile

FORMAT_TAGS = ("gguf", "safetensors", "pytorch", "onnx", "mlx")


@dataclass(frozen=True, slots=True)
class Page:
    """What a model's page says of it."""

    name: str
    commit: str
    files: tuple[RemoteFile, ...]  # none where their sizes or hashes were left out
    licence: str | None
    gated: str | None
    private: bool
    task: str | None
    tags: tuple[str, ...]


def page(info: dict[str, Any]) -> Page:
    """Read a model's page. Raises KeyError, TypeError, ValueError, AttributeError: it is none."""
    return Page(
        name=_name(info["id"]),
        commit=_commit(info["sha"]),
        files=_siblings(info.get("siblings") or []),
        licence=_licence(info),
        gated=str(info["gated"]) if info.get("gated") else None,
        private=bool(info.get("private")),
        task=info.get("pipeline_tag"),
        tags=tuple(info.get("tags") or ()),
    )


def _name(said: str) -> str:
    try:
        return refs.parse(f"hf:{said}").name
    except BadRef as error:
        raise ValueError(error.what.rstrip(".")) from None


def _commit(said: str) -> str:
    if not hashes.COMMIT.fullmatch(said):
        raise ValueError(f"{said!r} is no commit")
    return said


def _siblings(found: list[dict[str, Any]]) -> tuple[RemoteFile, ...]:
    if any(one.get("size") is None or one.get("blobId") is None for one in found):
        return ()
    return tuple(
        file_of(one["rfilename"], one["size"], one["blobId"], one.get("lfs")) for one in found
    )


def file_of(path: str, size: int, blob_id: str, lfs: Mapping[str, Any] | None) -> RemoteFile:
    """Return one file of a repository. Raises KeyError, ValueError, AttributeError."""
    # the git id of a large file is that of its pointer and says nothing of its bytes
    if lfs:
        return listed.file(path, lfs["size"], sha256=lfs["sha256"])
    return listed.file(path, size, git_sha1=blob_id)


def _licence(info: dict[str, Any]) -> str | None:
    """Return the card's licence; where that is `other`, the name the card gives it."""
    card = info.get("cardData") or {}
    stated = card.get("license")
    if stated == "other":
        stated = card.get("license_name") or stated
    if stated:
        return ", ".join(stated) if isinstance(stated, list) else str(stated)
    return _tagged(info.get("tags") or (), "license:")


def _tagged(tags: Any, prefix: str) -> str | None:
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), None)


def found(info: dict[str, Any]) -> Found:
    """Return one search result."""
    tags = tuple(info.get("tags") or ())
    return Found(
        name=info["id"],
        local=False,
        formats=tuple(tag for tag in FORMAT_TAGS if tag in tags),
        size=info.get("usedStorage"),
        gated=info.get("gated") or None,
        licence=_tagged(tags, "license:"),
        task=info.get("pipeline_tag"),
        downloads=info.get("downloads"),
    )
