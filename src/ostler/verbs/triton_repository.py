"""Read somebody's Triton model repository, so that it can be checked; nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ostler.core.reasons import why
from ostler.core.triton import finding
from ostler.core.triton.check import check, named
from ostler.core.triton.finding import ARGUMENTS, CONFIG, Finding, Tree
from ostler.errors import BadRef, UsageError

READ = (CONFIG, ARGUMENTS)
LARGEST_TEXT = 2**20  # bytes of a configuration; Triton's own samples have a few thousand
MOST_ENTRIES = 100_000


def checked(folder: Path, mounts: Mapping[str, Path]) -> tuple[Finding, ...]:
    """Return what is wrong with the repository in a folder.

    `mounts` says where paths of the server are here: {"/models": Path("/srv/models")}.
    Raises UsageError where there is no such folder.
    """
    tree = read(folder)
    targets = {path: target(model, mounts) for path, model in named(tree).items()}
    return check(replace(tree, targets=targets))


def read(folder: Path) -> Tree:
    """Return the repository's folders, files and small texts. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder.", hint="Name the model repository's folder.")
    folders: set[str] = set()
    files: dict[str, int] = {}
    texts: dict[str, str] = {}
    for path, place in _entries(folder):
        try:
            if place.is_dir():
                folders.add(path)
                continue
            files[path] = place.lstat().st_size
            wanted = PurePosixPath(path).name in READ or path.endswith(".git/config")
            if wanted and files[path] <= LARGEST_TEXT and place.is_file():
                texts[path] = place.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(
                f"{place} cannot be read: {why(error)}.", hint="Read it as a user who may."
            ) from None
    return Tree(frozenset(folders), files, texts)


def target(model: str, mounts: Mapping[str, Path]) -> str:
    """Return what a model.json's path leads to, as `core.triton.finding` names it."""
    if not model.startswith("/"):
        return finding.HUB if _is_name(model) else finding.RELATIVE
    place = _here(PurePosixPath(model), mounts)
    if place.is_file() or (place / "config.json").is_file():
        return finding.WEIGHTS
    if not place.is_dir():
        return finding.ABSENT
    return finding.RAW if any(place.glob("consolidated*.pth")) else finding.NO_CONFIG


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every path below the folder; links are named and not followed."""
    count = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            count += 1
            if count > MOST_ENTRIES:
                raise UsageError(
                    f"{folder} holds more than {MOST_ENTRIES:,} files.",
                    hint="Name the model repository itself, not a folder above it.",
                )
            full = Path(place, name)
            yield full.relative_to(folder).as_posix(), full


def _here(path: PurePosixPath, mounts: Mapping[str, Path]) -> Path:
    """Return where a path of the server is on this machine: by the longest mount that holds it."""
    for inside in sorted(mounts, key=len, reverse=True):
        if path.is_relative_to(inside):
            return mounts[inside] / path.relative_to(inside)
    return Path(path)


def _is_name(text: str) -> bool:
    from ostler.core.refs import parse

    try:
        parse(text)
    except BadRef:
        return False
    return True
