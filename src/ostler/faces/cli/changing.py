"""How commands change a user's file: the diff first, then the file, then where its copy is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ostler.faces.cli import journal, show
from ostler.settings import Settings
from ostler.verbs import editing


def make(
    settings: Settings, changes: Sequence[editing.Change], act: str, subject: str, *,
    dry_run: bool, as_json: bool, said: dict[str, Any] | None = None,
) -> list[Path]:  # fmt: skip
    """Show the changes and make them; return the copies kept. `said` goes into the JSON."""
    changing = [one for one in changes if one.changes]
    if not as_json:
        for one in changing:
            show.line(one.diff.rstrip("\n"))
        if not changing:
            show.line("Nothing to change.")
    copies = []
    if not dry_run:
        for one in changing:
            kept = editing.carry_out(one)
            copies += [kept] if kept else []
        if changing:
            journal.did(settings, act, subject, files=[str(one.path) for one in changing])
    if as_json:
        show.as_json(
            {
                **(said or {}),
                "changed": bool(changing) and not dry_run,
                "files": [str(one.path) for one in changing],
                "diff": "".join(one.diff for one in changing),
                "copies": copies,
            }
        )
    elif changing and dry_run:
        show.note("Nothing was written. Leave out --dry-run to write it.")
    elif changing:
        for one in changing:
            show.note(f"Written: {one.path}")
        for path in copies:
            show.note(f"The file as it was: {path}")
    return copies
