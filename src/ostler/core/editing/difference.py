"""What a change of a file looks like to a reader."""

from __future__ import annotations

import difflib


def unified(name: str, before: str, after: str) -> str:
    """Return the unified diff, as `patch` takes it; an empty text where nothing changes."""
    rows = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (new)"
    )
    marked = (
        row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows
    )
    return "".join(marked)
