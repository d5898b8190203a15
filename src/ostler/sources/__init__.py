"""Sources: where models come from. Each is a module of its own; this is what they share."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2


class Answers:
    """The answers that are being read through the HTTP library, so that they can be broken off."""

    def __init__(self) -> None:
        self._open: set[httpx2.Response] = set()
        self._lock = threading.Lock()
        self._over = False

    @contextmanager
    def reading(self, answer: httpx2.Response) -> Iterator[None]:
        """Read an answer, and close it; once `hang_up` was called its bytes end at once."""
        try:
            with self._lock:
                self._open.add(answer)
                over = self._over
            if over:
                _break_off(answer)
            yield
        finally:
            with self._lock:
                self._open.discard(answer)
            answer.close()

    def hang_up(self) -> None:
        """Wake whoever waits for an answer's next bytes: none come any more."""
        with self._lock:
            self._over = True
            known = list(self._open)
        for answer in known:
            _break_off(answer)


def _break_off(answer: httpx2.Response) -> None:
    stream = answer.extensions.get("network_stream")
    known = stream.get_extra_info("socket") if stream else None
    if isinstance(known, socket.socket):
        with suppress(OSError):  # it has just ended by itself
            socket.socket.shutdown(known, socket.SHUT_RDWR)  # past TLS, which would wait
