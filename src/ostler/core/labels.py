"""Names that Kubernetes takes for all it is given: DNS labels (RFC 1035)."""

from __future__ import annotations

import hashlib
import re

from ostler.errors import UsageError

# A label has at most 63 characters and a Helm release 53; what belongs to a model adds an ending.
LONGEST = 45
LABEL = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
HASH_DIGITS = 6


def label(text: str) -> str:
    """Return a label made of a model's name; what had to be cut is told apart by a hash."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "model"
    plain = plain if plain[0].isalpha() else f"m-{plain}"
    if len(plain) <= LONGEST:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
    return f"{plain[: LONGEST - HASH_DIGITS - 1].rstrip('-')}-{digest}"


def checked(name: str) -> str:
    """Return a name that somebody chose. Raises UsageError, with one that would do."""
    if len(name) <= LONGEST and LABEL.fullmatch(name):
        return name
    raise UsageError(
        f"{name!r} is no name for Kubernetes: small letters, digits and dashes, beginning with a "
        f"letter, at most {LONGEST}.",
        hint=f"--name {label(name)}",
    )
