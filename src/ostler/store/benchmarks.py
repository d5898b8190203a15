"""The results of `ostler bench`: `benchmarks/<time>-<model>.json`, one a run, never changed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ostler.store import durable


class Benchmarks:
    """The results kept under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, at: str, model: str, result: dict[str, Any]) -> Path:
        """Keep a result; `at` is when its run began, ISO 8601 in UTC."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "--", model)[:100]
        place = self.root / f"{at.replace(':', '')}-{plain}.json"
        durable.write(place, json.dumps(result, indent=1).encode())
        return place

    def all(self) -> list[dict[str, Any]]:
        """Return every result, the oldest first; a file that cannot be read is left out."""
        found = []
        for place in sorted(self.root.glob("*.json")):
            try:
                read = json.loads(place.read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(read, dict) and isinstance(read.get("result"), dict):
                found.append(read | {"file": str(place)})
        return found
