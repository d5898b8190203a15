"""The second stage of `ostler add`: what ostler.yaml says of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostler.core import editing
from ostler.faces.cli.staging.wish import Wish, id_of
from ostler.faces.server import wishes as w
from ostler.settings import Settings


class Configuration:
    """An entry under `models`, and with a GPU a pool of its own."""

    def __init__(self, settings: Settings, wish: Wish, devices: Sequence[str]) -> None:
        self.settings, self.wish, self.devices = settings, wish, list(devices)
        self.file = settings.home / w.FILE

    @property
    def pool(self) -> str | None:
        return "-".join(f"gpu{gpu}" for gpu in self.wish.gpus) if self.devices else None

    def values(self) -> dict[str, Any]:
        """Return what ostler.yaml shall say of the model."""
        wish = self.wish
        said = {
            "aliases": [wish.alias] if wish.alias else None, "context": wish.context,
            "sequences": wish.sequences, "max_concurrent": wish.max_concurrent,
            "engine": wish.engine if not wish.into else None, "pool": self.pool,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def _entries(self) -> list[tuple[str, str]]:
        """The places in the file that this touches."""
        id = id_of(self.settings, self.wish)
        return [("models", id), *([("pools", self.pool)] if self.pool else [])]

    def before(self) -> Any:
        """Return what the file says there now."""
        held = w.values(self.file)
        return {
            "there": self.file.exists(),
            "parts": [part in held for part, _ in self._entries()],
            "values": [editing.at(held, place) for place in self._entries()],
        }

    def write(self) -> str:
        """Put the entry in; what it says beside ours stays."""
        said: list[dict[str, Any]] = [self.values(), {"devices": self.devices}]

        def change(held: Any) -> None:
            for (part, name), values in zip(self._entries(), said, strict=False):
                under = held[part] = held.get(part) or {}
                under[name] = {**(under.get(name) or {}), **values}

        w.edit(self.file, change)
        return f"{id_of(self.settings, self.wish)} stands in {self.file}."

    def undo(self, before: Any) -> str:
        """Let the file say what it said."""

        def change(held: Any) -> None:
            rows = zip(self._entries(), before["parts"], before["values"], strict=True)
            for (part, name), was_there, value in rows:
                under = held.get(part) or {}
                under.pop(name, None)
                held[part] = under | ({name: value} if value is not None else {})
                if not was_there:
                    held.pop(part)

        w.edit(self.file, change)
        if not before["there"]:
            self.file.unlink(missing_ok=True)
        return f"{self.file} says what it said before."
