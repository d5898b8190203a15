"""What a caller's key may, and whether it is well made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from ostler.errors import Forbidden, UsageError
from ostler.nouns import AccessKey

ROLES = ("user", "operator")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


def checked(key: AccessKey) -> AccessKey:
    """Return the key if it is well made. Raises UsageError."""
    if not NAME.fullmatch(key.name):
        raise UsageError(
            f"{key.name[:80]!r} cannot be a key's name.",
            hint="Up to 64 letters, digits, and . _ - @, the first a letter or digit.",
        )
    if key.role not in ROLES:
        raise UsageError(f"There is no role '{key.role}'.", hint=f"One of: {', '.join(ROLES)}.")
    if not key.models or not all(key.models):
        raise UsageError("A key needs a pattern of models.", hint="'*' means all of them.")
    limits = {
        "requests a minute": key.requests_per_minute,
        "requests at once": key.concurrent,
        "tokens a day": key.tokens_per_day,
    }
    for name, limit in limits.items():
        if limit is not None and not 1 <= limit < 2**31:
            raise UsageError(f"{limit} {name} is no limit.", hint="A limit is 1 or more.")
    return key


def grants(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Say whether a key with these patterns may use the model that has these names."""
    known = tuple(names)
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in known)


def require_operator(role: str, name: str) -> None:
    """Refuse a caller who may use models and not operate. Raises Forbidden."""
    if role != "operator":
        raise Forbidden(
            f"The key '{name}' is a user's: it may use models, and not operate the server.",
            hint="Ask an operator, or use a key made with --role operator.",
        )
