"""File names that come from outside: those that may become paths, and those refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ostler.errors import UnsafePath

_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])\s*(?:\.|$)", re.IGNORECASE)
LONGEST_PART = 255  # bytes; the limit of ext4, XFS, APFS and NTFS for one name


def refuse_unsafe(paths: Iterable[str]) -> None:
    """Raise UnsafePath when one of these names could leave the folder it is put in.

    Refused are absolute names, `.` and `..`, backslashes, control characters, names too long
    for a file system, names of devices, two names that some file systems take for one, and a
    name that is both a file and the folder of another file.
    """
    known = list(paths)
    for path in known:
        why = _why_unsafe(path)
        if why:
            raise _unsafe(path, why)
    files: dict[str, str] = {}
    for path in known:
        same = files.get(_folded(path))
        if same is not None:
            alike = f"some file systems take it for {same!r}"
            raise _unsafe(path, "it is listed twice" if same == path else alike)
        files[_folded(path)] = path
    for path in known:
        parts = _folded(path).split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise _unsafe(path, "its folder is also the name of a file")


def _folded(path: str) -> str:
    """Return what macOS and Windows compare of a name: neither case nor how accents are written."""
    return unicodedata.normalize("NFC", path).casefold()


def _why_unsafe(path: str) -> str | None:
    parts = path.split("/")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path):
        return "it holds control characters"
    if "\\" in path:
        return "it holds a backslash"
    if path.startswith("/") or path[1:2] == ":":
        return "it is an absolute path"
    if any(part in ("", ".", "..") for part in parts):
        return "it has an empty part, '.' or '..'"
    if any(_DEVICE.match(part) for part in parts):
        return "a part of it names a device of Windows"
    if any(len(part.encode()) > LONGEST_PART for part in parts):
        return f"a part of it is longer than {LONGEST_PART} bytes"
    return None


def _unsafe(path: str, why: str) -> UnsafePath:
    return UnsafePath(
        f"The repository names a file {path!r}, which is refused: {why}.",
        hint="Tell the owner of the repository; Ostler fetches nothing from it.",
        path=path,
    )
