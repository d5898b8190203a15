"""Change a file of the user's: show it first, keep a copy, and never half."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ostler.core import editing
from ostler.errors import BrokenYaml, FileChanged, UsageError
from ostler.store import durable


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one file, not yet made. `before` is None for a file that is not there."""

    path: Path  # of the file itself, where the user named a link to it
    before: bytes | None
    after: bytes | None  # None: the file goes
    diff: str

    @property
    def changes(self) -> bool:
        return self.before != self.after


def plan(path: Path, change: Callable[[Any], Any], *, new: bool = False) -> Change:
    """Return the change that makes a YAML file say something else; the rest stays.

    Raises UsageError where it is not there (and `new` does not allow that) or cannot be read,
    BrokenYaml, CannotEdit.
    """
    before = read(path, new=new)
    text = decoded(path, before or b"")
    after = editing.edited(text, str(path), change)
    return Change(path.resolve(), before, after.encode(), editing.unified(str(path), text, after))


def rewrite(path: Path, after: str | None) -> Change:
    """Return the change that makes a file of ours read `after`, or with None takes it away."""
    before = read(path, new=True)
    old = (before or b"").decode("utf-8", "replace")
    content = None if after is None else after.encode()
    return Change(path.resolve(), before, content, editing.unified(str(path), old, after or ""))


def read(path: Path, *, new: bool = False) -> bytes | None:
    """Return a file's bytes; None where it is not there and may be made. Raises UsageError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if new:
            return None
        raise UsageError(f"{path} is not there.", hint="Name the file to be changed.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None


def decoded(path: Path, content: bytes) -> str:
    """Return the bytes as text. Raises BrokenYaml with the line where they are not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise BrokenYaml(
            f"{path} is not YAML: line {line}, column {column}: it is not UTF-8.",
            hint="Nothing was changed. Save the file as UTF-8, then run the command again.",
            file=str(path), line=line, column=column,
        ) from None  # fmt: skip


def carry_out(change: Change, *, copy: bool = True) -> Path | None:
    """Make the change, in one rename, with the file's mode and owner; return the copy kept.

    The copy lies beside the file as `name.bak-TIME`. Raises FileChanged, and UsageError where
    the folder cannot be written; the file is as it was then.
    """
    if not change.changes:
        return None
    try:
        kept = _copy(change) if copy and change.before is not None else None
        if change.after is None:
            _as_it_was_shown(change)
            change.path.unlink(missing_ok=True)
            durable.sync_folder(change.path.parent)
        else:
            _write(change, change.after)
    except OSError as error:
        raise UsageError(
            f"{change.path} cannot be written: {error.strerror}.",
            hint="Nothing was changed. See who may write its folder.",
        ) from error
    return kept


def _copy(change: Change) -> Path:
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    number = 0
    while True:
        kept = change.path.with_name(
            f"{change.path.name}.bak-{moment}{f'-{number}' if number else ''}"
        )
        with suppress(FileExistsError):
            with open(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(change.before or b"")
                file.flush()
                _like(file.fileno(), change.path)
                os.fsync(file.fileno())
            return kept
        number += 1


def _write(change: Change, content: bytes) -> None:
    durable.folder(change.path.parent)
    draft = durable.draft(change.path)
    mode = 0o666 if change.before is None else 0o600  # a new file gets what the umask leaves
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            if change.before is not None:
                _like(file.fileno(), change.path)
            os.fsync(file.fileno())
        _as_it_was_shown(change)
        durable.rename(draft, change.path)
    finally:
        draft.unlink(missing_ok=True)


def _as_it_was_shown(change: Change) -> None:
    """Look once more, just before the rename. Raises FileChanged."""
    try:
        now: bytes | None = change.path.read_bytes()
    except FileNotFoundError:
        now = None
    if now != change.before:
        raise FileChanged(
            f"{change.path} was changed by somebody else while this command ran.",
            hint="Nothing was written. Run the command again, and look at its diff.",
        )


def _like(fd: int, path: Path) -> None:
    """Give an open file the mode and the owner of another, where that is still there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    os.fchmod(fd, stat.S_IMODE(found.st_mode))
    with suppress(PermissionError):
        os.fchown(fd, found.st_uid, found.st_gid)
