"""What was written into files, remembered in this home, so that drift can be told.

It is kept in the home and not in the records: files belong to a machine, and the records can be
shared by several.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ostler.core import editing
from ostler.core.drift import Part, Written
from ostler.errors import OstlerError
from ostler.store import durable


def remember(home: Path, written: Written) -> None:
    """Keep what was written, in the place of what was written there before."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    content = json.dumps(asdict(replace(written, at=written.at or now)), indent=1)
    durable.write(_file(home, written.path, written.part), content.encode())


def forget(home: Path, written: Written) -> None:
    """Know nothing of it any more."""
    path = _file(home, written.path, written.part)
    path.unlink(missing_ok=True)
    if path.parent.exists():
        durable.sync_folder(path.parent)


def everything(home: Path) -> list[Written]:
    """Return what was written, by path. What cannot be read is left out."""
    found = []
    for path in (home / "written").glob("*.json"):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            found.append(
                Written(
                    said["path"], tuple(said["argv"]), said["hashes"], tuple(said["part"]),
                    tuple(said["models"]), said["at"],
                )
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: (one.path, one.part))


def _file(home: Path, path: str, part: Part) -> Path:
    name = hashlib.sha256("\0".join([path, *part]).encode()).hexdigest()[:24]
    return home / "written" / f"{name}.json"


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def hash_of_part(data: Any) -> str:
    """Return the SHA-256 of values, however they are written in their file."""
    return hash_of(json.dumps(data, sort_keys=True, default=str).encode())


def held(written: Written) -> Mapping[str, str | None]:
    """Return the hashes of what is there now; None for what is gone."""
    if written.part:
        return {"": _held_part(Path(written.path), written.part)}
    return {name: _held_file(Path(written.path, name)) for name in written.hashes}


def _held_part(path: Path, part: Sequence[str]) -> str | None:
    try:
        data = editing.read(path.read_bytes().decode("utf-8"), str(path))
    except (OSError, UnicodeDecodeError, OstlerError):
        return None
    found = editing.at(data, part)
    return None if found is None else hash_of_part(found)


def _held_file(path: Path) -> str | None:
    try:
        return hash_of(path.read_bytes())
    except OSError:
        return None
