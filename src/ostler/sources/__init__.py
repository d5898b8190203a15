"""Sources: where models come from. Each is a module of its own; this is what they share."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from ostler.core.reasons import why
from ostler.errors import UsageError

if TYPE_CHECKING:
    import ssl

    import httpx2

# Where the certificates to trust may be named. The first two are OpenSSL's own names, which the
# HTTP library reads; the others are set for other programs and mostly meant for all. Each is a
# file, or a folder as `openssl rehash` makes it.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trust() -> ssl.SSLContext:
    """Return how servers are verified: by what the environment names, else the system's.

    Raises UsageError for certificates that cannot be read.
    """
    named = (name for name in CERTIFICATES if os.environ.get(name))
    name = next(named, "")
    return _trust(name, os.environ.get(name, ""))


@cache  # reading the system's certificates takes 20 ms
def _trust(name: str, place: str) -> ssl.SSLContext:
    import ssl

    import httpx2

    try:
        if not name:
            return httpx2.create_ssl_context()
        folder = os.path.isdir(place)
        return ssl.create_default_context(
            cafile=None if folder else place, capath=place if folder else None
        )
    except OSError as error:
        raise UsageError(
            f"The certificates that {name} names, {place}, cannot be read: {why(error)}.",
            hint=f"Set {name} to a PEM file, or unset it.",
        ) from error


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
