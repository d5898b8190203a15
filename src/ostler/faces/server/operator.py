"""What the operator wishes, in force: read from the file, changed by the API, told the fleet."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ostler.core.fleet import pools
from ostler.errors import UsageError
from ostler.faces.server import wishes as w
from ostler.faces.server.edits import Edit
from ostler.faces.server.hands import ServerHands
from ostler.verbs.keep import Keeper


class Operator:
    """The wishes file and the fleet, kept in step."""

    def __init__(self, hands: ServerHands, keeper: Keeper) -> None:
        self.path = hands.settings.home / w.FILE
        self.flaws: tuple[str, ...] = ()  # wishes that cannot be met, each as a sentence
        self._unread: tuple[str, ...] = ()  # why the file is not in force
        self._hands, self._keeper = hands, keeper
        self._seen: tuple[int, int] | None = (0, 0)  # of the file: changed when, inode
        self._told: Any = None

    def look(self) -> bool:
        """Read the file, tell the fleet; say if the file was another one."""
        changed = self.read()
        self.tell(anew=changed)
        return changed

    def read(self) -> bool:
        """Read the file if it is another one; keep the last good wishes. Say if it was."""
        seen = _mark(self.path)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self._hands.wishes = w.load(self.path)
            self._unread = ()
        except UsageError as error:
            self._unread = (f"{error.what} The wishes from before stay in force.",)
        return True

    def tell(self, anew: bool = False) -> None:
        """Tell the fleet, if what it is to do at this hour is something else than before.

        Or `anew`: what an engine is started with is none of its business, but may mend a failure.
        """
        now = time.localtime()
        wishes = self._hands.wishes
        for_fleet = wishes.for_fleet(now.tm_hour * 60 + now.tm_min, self._hands.catalogue.own_name)
        berths, short = pools.berths(self._hands.room, wishes.shares(tuple(self._hands.room)))
        self.flaws = (*self._unread, *short)
        if anew or (for_fleet, berths) != self._told:
            self._told = for_fleet, berths
            self._keeper.wish(for_fleet, berths)

    def change(self, edit: Edit) -> None:
        """Change the file, and be told at once. Raises UsageError."""
        w.edit(self.path, edit)
        self.look()


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
