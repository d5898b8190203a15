"""Writing several files into a folder, or showing what would be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ostler.faces.cli import show, writing


def write(files: Mapping[str, str], folder: Path, force: bool, dry_run: bool) -> None:
    """Write files by their path in the folder, or print them. Raises UsageError."""
    if not dry_run:
        writing.several(files, folder, force)
        return
    for name, text in files.items():
        place = folder / name
        show.heading(f"{place}" + (" (replaces one)" if place.exists() else ""))
        show.line(text)
