"""The keys that callers must show; only their hashes stay in memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ostler.errors import UsageError
from ostler.faces.gateway.messages import Key


def read_keys(file: Path | None, env: Mapping[str, str]) -> tuple[Key, ...]:
    """Return the keys from a file (lines of `name key`) and from OSTLER_API_KEY."""
    keys = [hashed("OSTLER_API_KEY", env["OSTLER_API_KEY"])] if env.get("OSTLER_API_KEY") else []
    if file:
        keys += [hashed(name, key) for name, key in _lines(file)]
    return tuple(keys)


def hashed(name: str, key: str) -> Key:
    """Return a key as the gateway knows it."""
    return Key(sha256=hashlib.sha256(key.encode()).hexdigest(), name=name)


def _lines(file: Path) -> list[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
        mode = stat.S_IMODE(os.stat(file).st_mode)
    except OSError as error:
        raise UsageError(f"The key file {file} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise UsageError(
            f"The key file {file} can be read by others (mode {mode:o}).",
            hint=f"chmod 600 {file}",
        )
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if words and len(words) != 2:
            raise UsageError(f"{file}, line {number}: a line is a name and a key.")
        if words:
            found.append((words[0], words[1]))
    if not found:
        raise UsageError(f"The key file {file} holds no key.", hint="A line is a name and a key.")
    return found
