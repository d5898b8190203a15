"""Ending a pull at once, also while its hub is silent."""

from __future__ import annotations

import threading

from ostler.ports import Interruptible, Source


def apart(source: Source) -> Source:
    """Return the source with connections of its own, where it can; else the source itself."""
    return source.apart() if isinstance(source, Interruptible) else source


def hang_up(source: Source) -> None:
    """Break off what a source that stands apart is waiting for."""
    if isinstance(source, Interruptible):
        source.hang_up()


class Stop(threading.Event):
    """An event that is set once; whoever waits for the source then is woken by it."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def set(self) -> None:
        """End it: those who look see the event, those who wait lose their connection."""
        super().set()
        hang_up(self._source)
