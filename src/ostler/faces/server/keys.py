"""The keys that callers must show: from a file, the environment, the records. Only hashes stay."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from ostler.core.reasons import why
from ostler.errors import UsageError
from ostler.faces.gateway.messages import Key
from ostler.nouns import AccessKey
from ostler.verbs.keyring import fingerprint


def read_keys(file: Path | None, env: Mapping[str, str]) -> tuple[Key, ...]:
    """Return the keys from a file (lines of `name key [role]`) and from OSTLER_API_KEY.

    They are operators', where a line does not say `user`.
    """
    keys = [hashed("OSTLER_API_KEY", env["OSTLER_API_KEY"])] if env.get("OSTLER_API_KEY") else []
    if file:
        keys += [hashed(*words) for words in _lines(file)]
    return tuple(keys)


def hashed(name: str, key: str, role: str = "operator") -> Key:
    """Return a key as the gateway knows it."""
    return Key(fingerprint(key), name, role)


def in_force(kept: Iterable[AccessKey], tokens: Mapping[str, int]) -> list[Key]:
    """Return the recorded keys that are in force, with the tokens that each has used today."""
    return [
        Key(
            sha256=key.sha256,
            name=key.name,
            role=key.role,
            models=key.models,
            requests_per_minute=key.requests_per_minute,
            concurrent=key.concurrent,
            tokens_per_day=key.tokens_per_day,
            tokens_used=tokens.get(key.name, 0),
        )
        for key in kept
        if key.revoked_at is None
    ]


def _lines(file: Path) -> list[tuple[str, ...]]:
    try:
        text = file.read_text(encoding="utf-8")
        mode = stat.S_IMODE(os.stat(file).st_mode)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The key file {file} cannot be read: {why(error)}.") from None
    if mode & 0o077:
        raise UsageError(
            f"The key file {file} can be read by others (mode {mode:o}).",
            hint=f"chmod 600 {file}",
        )
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if words and (len(words) not in (2, 3) or words[2:] not in ([], ["user"], ["operator"])):
            raise UsageError(f"{file}, line {number}: a line is a name, a key and perhaps a role.")
        if words:
            found.append(tuple(words))
    if not found:
        raise UsageError(f"The key file {file} holds no key.", hint="A line is a name and a key.")
    return found
