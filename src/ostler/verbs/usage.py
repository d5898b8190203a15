"""Add up what the store takes on its disk."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from ostler.core import usage
from ostler.core.usage import Share
from ostler.store import Store


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of a home. All sizes are of files' contents, as `du -b` counts them."""

    shares: tuple[Share, ...]
    logical: int  # every file of every model
    physical: int  # the contents that are on the disk for them
    trash: int  # contents that only the trash still names
    unnamed: int  # contents that nothing names
    unfinished: int
    home: int  # all of the home, as `du -sb` counts it
    free: int
    total: int
    state: str
    advice: str


def measure(store: Store, warn_gb: int, critical_gb: int) -> Usage:
    """Return what is used and free. Raises CorruptFile on a damaged manifest."""
    models = store.manifests()
    blobs = dict(store.blobs.all())
    named = {file.sha256 for one in models for file in one.files}
    thrown = {file.sha256 for one in store.trash.manifests() for file in one.files} - named
    free, total = store.disk()
    state, sentence = usage.advice(free, warn_gb, critical_gb)
    return Usage(
        shares=usage.shares(models),
        logical=sum(one.size for one in models),
        physical=sum(size for sha, size in blobs.items() if sha in named),
        trash=sum(size for sha, size in blobs.items() if sha in thrown),
        unnamed=sum(size for sha, size in blobs.items() if sha not in named | thrown),
        unfinished=sum(store.partials.size(key) for key in store.partials.names()),
        home=apparent_bytes(str(store.home)),
        free=free,
        total=total,
        state=state,
        advice=sentence,
    )


def apparent_bytes(folder: str) -> int:
    """Return what `du -sb` says: every entry's own size, hard links once, links not followed."""
    seen: set[tuple[int, int]] = set()
    total, left = 0, [folder]
    while left:
        place = left.pop()
        try:
            state = os.lstat(place)
        except FileNotFoundError:
            continue
        if (state.st_dev, state.st_ino) in seen:
            continue
        seen.add((state.st_dev, state.st_ino))
        total += state.st_size
        left += _below(place) if stat.S_ISDIR(state.st_mode) else []
    return total


def _below(place: str) -> list[str]:
    try:
        with os.scandir(place) as found:
            return [entry.path for entry in found]
    except (PermissionError, FileNotFoundError):
        return []
