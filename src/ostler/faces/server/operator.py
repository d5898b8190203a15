"""What the operator wishes, in force: read from the file, changed by the API, told the fleet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ostler.core.fleet import pools
from ostler.errors import OstlerError, UsageError
from ostler.faces.server import wishes as w
from ostler.faces.server.hands import ServerHands
from ostler.verbs.keep import Keeper


class Operator:
    """The wishes file and the fleet, kept in step."""

    def __init__(self, hands: ServerHands, keeper: Keeper) -> None:
        self.path = hands.settings.home / w.FILE
        self.flaws: tuple[str, ...] = ()  # wishes that cannot be met, each as a sentence
        self._hands, self._keeper = hands, keeper
        self._seen: tuple[int, int] | None = None  # of the file: changed when, inode
        self._told: Any = None

    def look(self) -> bool:
        """Read the file again if it is another one; keep the last good wishes. Say if it was."""
        seen = _mark(self.path)
        changed = seen != self._seen
        if changed:
            self._seen = seen
            try:
                self._hands.wishes = w.load(self.path)
                self.flaws = ()
            except UsageError as error:
                self.flaws = (f"{error.what} The wishes from before stay in force.",)
        self.tell()
        return changed

    def tell(self) -> None:
        """Tell the fleet, if what it is to do at this hour is something else than before."""
        now = time.localtime()
        wishes = self._hands.wishes
        for_fleet = wishes.for_fleet(now.tm_hour * 60 + now.tm_min, self._canonical)
        berths, short = pools.berths(self._hands.room, wishes.shares(tuple(self._hands.room)))
        if (for_fleet, berths) != self._told:
            self._told = for_fleet, berths
            self._keeper.wish(for_fleet, berths)
            self.flaws = (*(one for one in self.flaws if "stay in force" in one), *short)

    def _canonical(self, name: str) -> str:
        try:
            return self._hands.catalogue.get(name).id
        except OstlerError:
            return name

    def change(self, edit: Callable[[Any], None]) -> None:
        """Change the file, and be told at once. Raises UsageError."""
        w.edit(self.path, edit)
        self.look()

    def preload(self, models: Sequence[str]) -> None:
        """Make this the preload list."""
        self.change(lambda file: replace_list(file, "preload", list(models)))

    def pin(self, model: str, pinned: bool) -> None:
        """Pin a model where it is, or let go of it; a preloaded one leaves the list."""

        def edit(file: Any) -> None:
            if pinned:
                _under(file, "models", model)["pinned"] = True
                return
            names = [name for name in file.get("preload", ()) if self._canonical(name) != model]
            if "preload" in file:
                replace_list(file, "preload", names)
            for name, wish in (file.get("models") or {}).items():
                if self._canonical(name) == model and wish:
                    wish.pop("pinned", None)

        self.change(edit)

    def wish(self, model: str, wish: dict[str, Any]) -> None:
        """Wish this for a model; a value of None takes the wish back."""

        def edit(file: Any) -> None:
            place = _under(file, "models", model)
            for name, value in wish.items():
                if value is None:
                    place.pop(name, None)
                else:
                    place[name] = value

        self.change(edit)

    def pool(self, name: str, pool: dict[str, Any] | None) -> None:
        """Set a pool, or with None dissolve it."""

        def edit(file: Any) -> None:
            if pool is None:
                if name not in (file.get("pools") or {}):
                    raise UsageError(f"There is no pool {name}.", hint="ostler pool")
                del file["pools"][name]
            else:
                file.setdefault("pools", {})[name] = pool

        self.change(edit)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def _under(file: Any, part: str, name: str) -> Any:
    """The mapping of a name in a part of the file, made where it is not there."""
    if file.get(part) is None:
        file[part] = {}
    if file[part].get(name) is None:
        file[part][name] = {}
    return file[part][name]


def replace_list(file: Any, name: str, values: list[str]) -> None:
    """Put other values into a list of the file; entries that stay keep their comments."""
    kept = file.get(name)
    if kept is None:
        file[name] = values
        return
    for place in reversed(range(len(kept))):
        if kept[place] not in values:
            del kept[place]
    for place, value in enumerate(values):
        if place >= len(kept) or kept[place] != value:
            if value in kept:
                kept.remove(value)
            kept.insert(place, value)
