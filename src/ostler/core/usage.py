"""What the kept models take: each model's own bytes, what they share, and whether room is short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ostler.core.sizes import file_size
from ostler.nouns import Manifest

GB = 10**9


@dataclass(frozen=True, slots=True)
class Share:
    """One kept commit. `logical` are its files' bytes, `own` those that nothing else names."""

    name: str
    commit: str
    logical: int
    physical: int  # the same contents counted once
    own: int  # what removing it would free


def shares(models: Iterable[Manifest]) -> tuple[Share, ...]:
    """Return what each model takes, the largest first."""
    known = list(models)
    users = Counter(sha for one in known for sha in {file.sha256 for file in one.files})
    found = []
    for one in known:
        sizes = {file.sha256: file.size for file in one.files}
        own = sum(size for sha, size in sizes.items() if users[sha] == 1)
        found.append(Share(one.name, one.commit, one.size, sum(sizes.values()), own))
    return tuple(sorted(found, key=lambda share: (-share.physical, share.name)))


def advice(free: int, warn_gb: int, critical_gb: int) -> tuple[str, str]:
    """Return ("ok", "warning" or "critical", a sentence) for the bytes free on the disk."""
    if free < critical_gb * GB:
        return "critical", f"{file_size(free)} are free, less than the {critical_gb} GB set as low."
    if free < warn_gb * GB:
        return "warning", f"{file_size(free)} are free, less than {warn_gb} GB."
    return "ok", f"{file_size(free)} are free."
