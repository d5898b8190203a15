"""The downloads that run or were broken off: `downloads/<id>.json`, told by whoever runs one.

A download is alive while somebody holds `<id>.lock`; a lock dies with its process, so a record
alone never claims to run. To cancel one, `<id>.cancel` is put beside it: that reaches a process on
another machine that shares the folder, which no signal does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from ostler.nouns import Download
from ostler.store import durable, locks

_ID = re.compile(r"[0-9a-f]{8}")


def id_of(name: str, commit: str, variant: str | None) -> str:
    """Return the id of a download: the same for whoever pulls the same thing again."""
    text = f"{name}@{commit}#{variant or ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Downloads:
    """The records of all downloads into one store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def all(self) -> list[Download]:
        """Return every download, those that run first, then by name."""
        found = [
            self.get(path.stem) for path in self.root.glob("*.json") if _ID.fullmatch(path.stem)
        ]
        known = [one for one in found if one]
        return sorted(known, key=lambda one: (not one.running, one.name, one.id))

    def get(self, id: str) -> Download | None:
        """Return one download; None where there is none, or where its record is damaged."""
        try:
            raw = json.loads((self.root / f"{id}.json").read_bytes())
            raw["contents"] = tuple((str(key), int(size)) for key, size in raw["contents"])
            raw["words"] = tuple(raw["words"])
            return replace(Download(**raw), running=locks.held(self.root / f"{id}.lock"))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    @contextmanager
    def running(self, id: str) -> Iterator[None]:
        """Be this download until it ends; what `tell` said last stays."""
        with locks.hold(self.root / f"{id}.lock"):
            self._cancelling(id).unlink(missing_ok=True)
            yield

    def tell(self, download: Download) -> None:
        """Write down where a download stands; it is never trusted."""
        said = json.dumps(asdict(replace(download, running=False)))
        durable.tell(self.root / f"{download.id}.json", said)

    def forget(self, id: str) -> None:
        """Remove the record of a download that is over."""
        self._cancelling(id).unlink(missing_ok=True)
        (self.root / f"{id}.json").unlink(missing_ok=True)

    def cancel(self, id: str) -> None:
        """Ask a download to end; it does so within a second."""
        durable.folder(self.root)
        self._cancelling(id).touch(mode=0o600)

    def cancelled(self, id: str) -> bool:
        """Say whether somebody asked this download to end."""
        return self._cancelling(id).exists()

    def _cancelling(self, id: str) -> Path:
        return self.root / f"{id}.cancel"
