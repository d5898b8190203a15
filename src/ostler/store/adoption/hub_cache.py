"""A Hugging Face cache: `models--org--name/{blobs,refs,snapshots}`.

A blob there is named by its ETag: the sha256 of a large file, the git id of a small one. So its
bytes can be proven without the hub.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ostler.core import hashes
from ostler.store.adoption.offers import Lying, Offer, below, lying

_REPO = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)")


def offers(place: Path) -> Iterator[Offer]:
    """Yield every snapshot of a cache, of one repository of it, or the one snapshot given."""
    if _REPO.fullmatch(place.parent.parent.name) and place.parent.name == "snapshots":
        yield from _snapshots(place.parent.parent, place.name)
        return
    inside = place / "hub" if (place / "hub").is_dir() else place
    for repo in [place] if _REPO.fullmatch(place.name) else sorted(inside.glob("models--*")):
        yield from _snapshots(repo, "*")


def _snapshots(repo: Path, wanted: str) -> Iterator[Offer]:
    found = _REPO.fullmatch(repo.name)
    for folder in sorted((repo / "snapshots").glob(wanted)) if found else ():
        files = tuple(_file(path, place) for path, place in below(folder))
        if found and files and hashes.SHA1.fullmatch(folder.name):
            yield Offer(
                "Hugging Face cache",
                files,
                name=f"{found['owner']}/{found['name']}",
                commit=folder.name,
                revisions=tuple(_revisions(repo / "refs", folder.name)),
            )


def _file(path: str, place: Path) -> Lying:
    etag = os.path.basename(os.path.realpath(place)) if place.is_symlink() else ""
    real = Path(os.path.realpath(place))
    if hashes.SHA256.fullmatch(etag):
        return lying(path, real, sha256=etag)
    return lying(path, real, git_sha1=etag if hashes.SHA1.fullmatch(etag) else None)


def _revisions(refs: Path, commit: str) -> Iterator[str]:
    for ref in sorted(refs.rglob("*")):
        if ref.is_file() and ref.read_text(errors="replace").strip() == commit:
            yield ref.relative_to(refs).as_posix()
