"""What a clean-up takes away, as a value: contents, unfinished files, old removals, old commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ostler.core import plans
from ostler.core.sizes import counted
from ostler.nouns import Manifest


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to take away. `kind` is "content", "unfinished", "trash", "commit" or "draft"."""

    kind: str
    name: str
    bytes: int  # freed when it goes; contents that something else names free nothing
    because: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A removal as the trash holds it, with its age in days."""

    id: str
    days: float
    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A partial file, its bytes on the disk and its age in days."""

    key: str
    bytes: int
    days: float


def garbage(
    models: Iterable[Manifest],
    removed: Iterable[Removed],
    blobs: Mapping[str, int],
    unfinished: Iterable[Unfinished],
    *,
    trash_days: float,
    stale_days: float,
) -> tuple[Item, ...]:
    """Return what nothing needs any longer.

    A removal expires after `trash_days`, an unfinished file `stale_days` after its last byte.
    Each content is counted once, under the item that lets go of it last.
    """
    removed = list(removed)
    old = [one for one in removed if one.days >= trash_days]
    kept = [one for one in removed if one.days < trash_days]
    safe = [*models, *(manifest for one in kept for manifest in one.manifests)]
    orphans = plans.sweep(safe, blobs)
    thrown = {
        file.sha256: one for one in old for manifest in one.manifests for file in manifest.files
    }
    items = [
        Item(
            "trash",
            ", ".join(sorted({manifest.name for manifest in one.manifests})),
            sum(blobs[sha] for sha in orphans if thrown.get(sha) is one),
            f"removed {counted(round(one.days), 'day')} ago; kept for {trash_days:g}",
        )
        for one in old
    ]
    items += [
        Item("content", sha, blobs[sha], "no model and no removal names it")
        for sha in sorted(orphans - thrown.keys())
    ]
    items += [
        Item("unfinished", one.key, one.bytes, f"no byte for {counted(round(one.days), 'day')}")
        for one in unfinished
        if one.days >= stale_days
    ]
    return tuple(items)


def superseded(models: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return the commits that no branch or tag leads to, where a newer one of the model is kept."""
    newest: dict[str, Manifest] = {}
    known = sorted(models, key=lambda one: (one.pulled_at, bool(one.revisions)))
    for manifest in known:
        newest[manifest.name] = manifest
    return tuple(one for one in known if not one.revisions and newest[one.name] != one)
