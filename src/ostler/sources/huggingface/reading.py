"""What a hub's answers say, as our nouns."""

from __future__ import annotations

from typing import Any

from ostler.nouns import Found, RemoteFile

FORMAT_TAGS = ("gguf", "safetensors", "pytorch", "onnx", "mlx")


def siblings(info: Any) -> tuple[RemoteFile, ...]:
    """Return the files on a model's page; nothing where sizes or hashes were left out."""
    listed = info.siblings or []
    if any(one.size is None or one.blob_id is None for one in listed):
        return ()
    return tuple(file_of(one.rfilename, one.size, one.blob_id, one.lfs) for one in listed)


def file_of(path: str, size: int, blob_id: str, lfs: Any) -> RemoteFile:
    """Return one file of a repository."""
    # the git id of a large file is that of its pointer and says nothing of its bytes
    if lfs:
        return RemoteFile(path, int(lfs.size), sha256=str(lfs.sha256).lower())
    return RemoteFile(path, int(size), git_sha1=blob_id.lower())


def licence(info: Any) -> str | None:
    """Return the card's licence; where that is `other`, the name the card gives it."""
    card = info.card_data or {}
    stated = card.get("license")
    if stated == "other":
        stated = card.get("license_name") or stated
    if stated:
        return ", ".join(stated) if isinstance(stated, list) else str(stated)
    return _tagged(info.tags or (), "license:")


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
