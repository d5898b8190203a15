"""Manifests made anew from what a store still has: names that lead to contents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ostler.nouns import KeptFile, Manifest

UNKNOWN = ("the hub it came from", "former names", "tags", "whether it is gated or private")
_REPO = re.compile(r"models--(?P<owner>[A-Za-z0-9_.-]+?)--(?P<name>[A-Za-z0-9_.-]+)")
_FIELD = re.compile(r"(?m)^(license|pipeline_tag):[ \t]*['\"]?([A-Za-z0-9._-]+)['\"]?[ \t]*$")


@dataclass(frozen=True, slots=True)
class Named:
    """One name in a view: the file's path, and the content it leads to."""

    path: str
    sha256: str
    size: int | None  # None: the content is gone
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A manifest made anew, and what of the model is gone."""

    manifest: Manifest
    gone: tuple[str, ...]
    unknown: tuple[str, ...] = UNKNOWN


def repository(folder: str) -> str | None:
    """Return owner/name of a view's folder `models--owner--name`; None for any other."""
    found = _REPO.fullmatch(folder)
    return f"{found['owner']}/{found['name']}" if found else None


def recovered(
    name: str,
    commit: str,
    names: Iterable[Named],
    *,
    revisions: tuple[str, ...],
    card: str,
    at: str,
    tool: str,
) -> Recovered:
    """Return the manifest that these names make. `card` is the README, `at` the view's time."""
    known = list(names)
    files = tuple(
        KeptFile(one.path, one.size, one.sha256, one.git_sha1)
        for one in sorted(known, key=lambda one: one.path)
        if one.size is not None
    )
    said = fields(card)
    return Recovered(
        Manifest(
            source="hf",
            name=name,
            commit=commit,
            files=files,
            revisions=revisions,
            licence=said.get("license"),
            task=said.get("pipeline_tag"),
            pulled_at=at,
            tool=tool,
        ),
        gone=tuple(sorted(one.path for one in known if one.size is None)),
    )


def fields(card: str) -> Mapping[str, str]:
    """Return licence and task from a README's front matter, where they are one plain word."""
    head = card.split("\n---", 1)[0] if card.startswith("---") else ""
    return dict(_FIELD.findall(head))


def kind(prefix: bytes, size: int) -> str:
    """Say what a content without a name seems to be, from its first bytes."""
    if prefix.startswith(b"GGUF"):
        name = re.search(rb"general\.name\x08\x00\x00\x00(.{8})([ -~]{1,120})", prefix, re.DOTALL)
        length = int.from_bytes(name[1], "little") if name else 0
        return f"GGUF weights, {name[2][:length].decode()}" if name else "GGUF weights"
    header = int.from_bytes(prefix[:8], "little")
    if len(prefix) > 8 and prefix[8:9] == b"{" and 2 <= header <= size - 8:
        return "safetensors weights"
    if prefix.lstrip()[:1] in (b"{", b"["):
        return "JSON"
    if prefix.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "a pickle or an archive"
    return "text" if prefix and all(byte >= 9 for byte in prefix) else "unknown"
