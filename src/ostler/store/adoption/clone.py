"""A git clone of a model's repository, with git-lfs or without it.

The commit and the repository's name are read from `.git`; contents that git-lfs has downloaded
but not checked out are found in `.git/lfs/objects`.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from ostler.core import hashes
from ostler.store.adoption.offers import Lying, Offer, below, lying

_HUB = re.compile(r"(?:https?://|git@)[^/:]+[/:](?P<name>[^/]+/[^/]+?)(?:\.git)?/?")


def is_clone(place: Path) -> bool:
    """Say whether a folder is the top of a git work tree."""
    return (place / ".git" / "HEAD").is_file()


def offer(place: Path) -> Offer:
    """Return what is checked out; a pointer whose content git-lfs has is replaced by it."""
    git = place / ".git"
    branch, commit = _head(git)
    return Offer(
        "git-lfs clone",
        tuple(_file(git, path, file) for path, file in below(place)),
        name=_name(git),
        commit=commit,
        revisions=(branch,) if branch and commit else (),
    )


def _file(git: Path, path: str, place: Path) -> Lying:
    found = lying(path, place)
    if found.pointer:
        sha256 = found.pointer.sha256
        content = git / "lfs" / "objects" / sha256[:2] / sha256[2:4] / sha256
        if content.is_file() and content.stat().st_size == found.pointer.size:
            return Lying(path, content, found.pointer.size, sha256=sha256)
    return found


def _head(git: Path) -> tuple[str | None, str | None]:
    """Return (branch, commit), each None where it cannot be told."""
    head = (git / "HEAD").read_text(errors="replace").strip()
    if hashes.SHA1.fullmatch(head):
        return None, head
    ref = head.removeprefix("ref: ")
    if ".." in ref or not ref.startswith("refs/heads/"):
        return None, None
    return ref.removeprefix("refs/heads/"), _loose(git / ref) or _packed(git, ref)


def _loose(place: Path) -> str | None:
    text = place.read_text(errors="replace").strip() if place.is_file() else ""
    return text if hashes.SHA1.fullmatch(text) else None


def _packed(git: Path, ref: str) -> str | None:
    packed = git / "packed-refs"
    for line in packed.read_text(errors="replace").splitlines() if packed.is_file() else ():
        commit, _, name = line.partition(" ")
        if name == ref and hashes.SHA1.fullmatch(commit):
            return commit
    return None


def _name(git: Path) -> str | None:
    config = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        config.read_string((git / "config").read_text(errors="replace"))
    except (OSError, configparser.Error):
        return None
    url = config.get('remote "origin"', "url", fallback="")
    found = _HUB.fullmatch(url)
    return found["name"] if found else None
