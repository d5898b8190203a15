"""Writing so that a crash leaves the old state or the new one, never half."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ostler.errors import UsageError

_DRAFT = re.compile(r"\.[0-9a-f]{16}\.tmp")


def folder(path: Path) -> Path:
    """Make a folder that only its owner may enter, with those above it; return it.

    Raises UsageError where it cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(
            f"The folder {path} cannot be made: {error.strerror}.",
            hint="Name a folder that you may write; for the home, set OSTLER_HOME.",
        ) from error
    return path


def write(path: Path, content: bytes) -> None:
    """Write a small file: a temporary beside it, synced, renamed, the folder synced."""
    folder(path.parent)
    place = draft(path)
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename(place, path)


def tell(path: Path, text: str) -> None:
    """Write a small file that readers find whole: news, not synced, for a power cut may take it."""
    folder(path.parent)
    place = draft(path)
    with open(
        os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    os.replace(place, path)


def link(path: Path, target: str) -> None:
    """Make a symbolic link, or turn an existing one, in one step."""
    folder(path.parent)
    place = draft(path)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    os.replace(place, path)


def draft(path: Path) -> Path:
    """Return a name, like no other's, to prepare what will be renamed to `path`.

    Not a process id: on a shared folder another machine has the same ones.
    """
    return path.with_name(f".{os.urandom(8).hex()}.tmp")


def drafts(root: Path) -> Iterator[Path]:
    """Yield the drafts below a folder: in use, or left by a process that was killed."""
    return (path for path in root.rglob(".*.tmp") if _DRAFT.fullmatch(path.name))


def rename(old: Path, new: Path) -> None:
    """Rename, and return only when the new name would outlive a power cut."""
    os.replace(old, new)
    sync_folder(new.parent)


def sync_folder(path: Path) -> None:
    """Write the names in a folder to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
