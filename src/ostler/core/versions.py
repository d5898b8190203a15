"""Versions of engines, as far as flags depend on them."""

from __future__ import annotations

import re

NEWEST = (9999,)  # an unknown version is taken for a new one: old flags are refused by new engines


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a version: "0.32.0+cpu" is (0, 32, 0); NEWEST where it is unknown."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else NEWEST
