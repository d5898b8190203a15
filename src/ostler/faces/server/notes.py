"""Engines that run, noted on disk for a server that comes after a death of this one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from ostler.store import durable


@dataclass(frozen=True, slots=True)
class Note:
    """One engine that runs."""

    unit: str
    pid: int
    began: float  # of the process, as the system says it
    port: int
    devices: tuple[str, ...]
    container: str = ""  # its id; empty: a process of its own


class Notes:
    """The notes of one home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, note: Note) -> None:
        """Note an engine."""
        durable.write(self._path(note.unit), json.dumps(asdict(note)).encode())

    def drop(self, unit: str) -> None:
        """Forget an engine."""
        self._path(unit).unlink(missing_ok=True)

    def all(self) -> list[Note]:
        """Return what is noted; what cannot be read is no note."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                said = json.loads(path.read_text())
                found.append(Note(**said | {"devices": tuple(said["devices"])}))
            except (ValueError, TypeError, KeyError):
                path.unlink(missing_ok=True)
        return found

    def _path(self, unit: str) -> Path:
        return self._folder / f"{quote(unit, safe='')}.json"
