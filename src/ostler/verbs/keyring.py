"""Make, replace and end the keys of callers. A key is shown once; its hash alone is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from ostler.core.keys import checked
from ostler.errors import UnknownKey
from ostler.nouns import AccessKey, Event

if TYPE_CHECKING:
    from ostler.records.records import Records

PREFIX = "ostler_"  # so that scanners for leaked secrets can know one
RANDOM_BYTES = 32


def fingerprint(key: str) -> str:
    """Return the SHA-256 of a key, 64 hexadecimal digits: all that is kept of it."""
    return hashlib.sha256(key.encode()).hexdigest()


def create(wanted: AccessKey, records: Records, actor: str) -> str:
    """Make the key and return it, the one time that it can be seen.

    `wanted.sha256` is not looked at. Raises UsageError, KeyExists, RecordsUnavailable.
    """
    key = _new()
    kept = replace(checked(wanted), sha256=fingerprint(key))
    records.keys.add(kept, Event("key.create", kept.name, actor, facts=_may(kept)))
    return key


def rotate(name: str, records: Records, actor: str) -> str:
    """Replace a key by a new one that may the same; the old one ends at once.

    Raises UnknownKey, RecordsUnavailable.
    """
    key = _new()
    new = replace(find(name, records), sha256=fingerprint(key))
    records.keys.replace(new, Event("key.rotate", name, actor))
    return key


def revoke(name: str, records: Records, actor: str, why: str = "") -> None:
    """End a key. Raises UnknownKey, RecordsUnavailable."""
    records.keys.revoke(name, Event("key.revoke", name, actor, why=why))


def find(name: str, records: Records) -> AccessKey:
    """Return the key of this name that is in force. Raises UnknownKey."""
    for key in records.keys.all():
        if key.name == name and key.revoked_at is None:
            return key
    raise UnknownKey(f"There is no key '{name}' in force.", hint="ostler keys ls")


def _new() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def _may(key: AccessKey) -> dict[str, object]:
    return {"role": key.role, "models": list(key.models)}
