"""A model as a plain folder of files under their own names, for programs that want one.

The folder holds `.ostler.json`, which says whose it is: two models are never mixed in one, and
what the user put there is left alone.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from ostler.core import paths
from ostler.errors import UsageError
from ostler.nouns import Manifest
from ostler.store import durable
from ostler.store.blobs import Blobs

MARK = ".ostler.json"


def make(folder: Path, manifest: Manifest, blobs: Blobs, how: str = "link") -> Path:
    """Bring a folder in line with a model and return it.

    `how` is "link" (symbolic links into the store), "hard" (hard links) or "copy". Files that an
    earlier call put here and the model no longer has go; all others stay. Raises UsageError
    where the folder belongs to another model, or holds files that are nobody's.
    """
    before = _ours(folder, manifest)
    durable.folder(folder)
    wanted = [file.path for file in manifest.files]
    mark = {"source": manifest.source, "name": manifest.name, "commit": manifest.commit}
    both = sorted({*wanted, *before})  # so that a kill in between leaves nothing unclaimed
    durable.write(folder / MARK, json.dumps(mark | {"files": both}, indent=1).encode())
    for path in set(before) - set(wanted):
        (folder / path).unlink(missing_ok=True)
    for file in manifest.files:
        _put(blobs.path(file.sha256), folder / file.path, how)
    durable.write(folder / MARK, json.dumps(mark | {"files": wanted}, indent=1).encode())
    return folder


def remove(folder: Path) -> None:
    """Take away what we put into a folder, and the folder where nothing else is in it."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
    except (OSError, ValueError):
        return
    paths.refuse_unsafe(str(path) for path in mark.get("files", []))
    for path in [*mark.get("files", []), MARK]:
        (folder / path).unlink(missing_ok=True)
    for place in sorted(folder.rglob("*"), reverse=True):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()


def _ours(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files that we put into the folder before. Raises UsageError."""
    try:
        mark = json.loads((folder / MARK).read_bytes())
    except (FileNotFoundError, NotADirectoryError):  # making the folder says what is in the way
        mark = None
    except ValueError:
        mark = {}
    if mark is None:
        taken = [file.path for file in manifest.files if os.path.lexists(folder / file.path)]
        if taken:
            raise UsageError(
                f"{folder} holds {taken[0]} already, and Ostler did not put it there.",
                hint="Choose another folder, or take its files in: ostler import",
            )
        return []
    if mark.get("name") != manifest.name:
        raise UsageError(
            f"{folder} holds another model, {mark.get('name') or 'which cannot be read'}.",
            hint="Give each its own: ostler view MODEL --to DIR --layout owner",
        )
    before = [str(path) for path in mark.get("files", [])]
    paths.refuse_unsafe(before)
    return before


def _put(blob: Path, place: Path, how: str) -> None:
    durable.folder(place.parent)
    if how == "link":
        if not (place.is_symlink() and os.readlink(place) == str(blob)):
            durable.link(place, str(blob))
        return
    if _same(blob, place, how):
        return
    draft = durable.draft(place)
    draft.unlink(missing_ok=True)
    if how == "hard":
        _hard_link(blob, draft)
    else:
        shutil.copyfile(blob, draft)
    os.replace(draft, place)


def _same(blob: Path, place: Path, how: str) -> bool:
    """A hard link is told by its inode, a copy by its size; `ostler verify` reads its bytes."""
    if place.is_symlink() or not place.exists():
        return False
    return place.samefile(blob) if how == "hard" else place.stat().st_size == blob.stat().st_size


def _hard_link(blob: Path, draft: Path) -> None:
    try:
        os.link(blob, draft)
    except OSError as error:
        raise UsageError(
            f"Hard links cannot be made at {draft.parent}: {error.strerror}.",
            hint="Use --copy, or symbolic links, which may lead to another file system.",
        ) from error
