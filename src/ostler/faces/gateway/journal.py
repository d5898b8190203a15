"""Ended requests: written to the access log and told to the keeper, many at a time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time

from ostler.faces.gateway.access_log import AccessLog
from ostler.faces.gateway.messages import Ended, encode_all

TOGETHER = 400  # lines at once: more would hold streams up for as long as they are written


class Journal:
    """Keeps ended requests until it is told to write lines of them."""

    __slots__ = ("_tell", "ended", "epoch", "log")

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        self.log = AccessLog()
        self.ended: list[Ended] = []
        self.epoch = time() - monotonic()  # what turns a moment of the one clock into the other's

    def note(self, ended: Ended) -> None:
        """Take an ended request."""
        self.ended.append(ended)
        if len(self.ended) >= TOGETHER:
            self.write()

    def write(self) -> None:
        """Append what ended to the access log, and tell the keeper what reached a backend.

        A line of the log is the keeper's message less its first word, which says what it is.
        """
        ended, self.ended = self.ended, []
        self.epoch = time() - monotonic()
        if not ended:
            return
        lines = encode_all(ended)
        if self.log.is_on:
            self.log.append(lines.replace(Ended.KIND, b"{"))
        served = [one for one in ended if one.backend and one.model]
        if served:
            self._tell(lines if len(served) == len(ended) else encode_all(served))
