"""Sources: where models come from. Each is a module of its own; this is what they share."""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ostler.core.reasons import why
from ostler.errors import UsageError

if TYPE_CHECKING:
    import ssl

    import httpx2

# Where the certificates to trust may be named. The first two are OpenSSL's own names, which the
# HTTP library reads; the others are set for other programs and mostly meant for all. Each is a
# file, or a folder as `openssl rehash` makes it.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

LONGEST_ANSWER = 64 * 2**20  # bytes; the page of a repository with 200,000 files
_OF_THE_WAY = ("content-length", "content-encoding", "transfer-encoding")  # of the bytes as sent


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


class Caller:
    """An HTTP client, and the connections it waits on, so that the waits can be broken off."""

    def __init__(self, timeout: httpx2.Timeout, headers: Mapping[str, str] | None = None) -> None:
        import httpx2

        self._options = (timeout, headers)
        self._lines = _Lines()
        hooks = {"request": [self._lines.follow]}
        self.http = httpx2.Client(
            timeout=timeout, headers=headers, follow_redirects=True, verify=trust(),
            event_hooks=hooks,
        )  # fmt: skip
        # what is asked of a source that stands apart ends with the source
        weakref.finalize(self, self.http.close)

    def apart(self) -> Caller:
        """Return the same with no connection yet."""
        return Caller(*self._options)

    def ask(self, method: str, url: str, **options: Any) -> httpx2.Response:
        """Ask, and return the whole answer. Raises what the library raises, as `whole` does."""
        request = self.http.build_request(method, url, **options)
        with closing(self.http.send(request, stream=True)) as answer:
            return whole(answer, LONGEST_ANSWER)

    def close(self) -> None:
        self.http.close()

    def hang_up(self) -> None:
        """Wake whoever waits for an answer, its head or its bytes: none come any more."""
        self._lines.cut()


def whole(answer: httpx2.Response, longest: int) -> httpx2.Response:
    """Read an answer to its end. Raises RemoteProtocolError where more than `longest` bytes come.

    They are counted as they are unpacked: neither a length nor a packed size says how many come.
    """
    import httpx2

    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > longest:
            raise httpx2.RemoteProtocolError(f"it sent more than {longest:,} bytes")
    return received(answer.status_code, answer.headers.items(), bytes(content), answer.request)


def received(
    status: int, headers: Iterable[tuple[str, str]], content: bytes, request: httpx2.Request
) -> httpx2.Response:
    """Return an answer whose bytes have come, unpacked, as the HTTP library would."""
    import httpx2

    said = [(name, value) for name, value in headers if name.lower() not in _OF_THE_WAY]
    return httpx2.Response(status, headers=said, content=content, request=request)


class _Lines:
    """The sockets of one client, which it does not know: nothing here keeps that from going."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._over = False

    def follow(self, request: httpx2.Request) -> None:
        """Have the library tell of the connection that a request makes."""
        request.extensions = {**request.extensions, "trace": self._connected}

    def cut(self) -> None:
        with self._lock:
            self._over = True
            known = list(self._sockets)
        for one in known:
            _shut(one)

    def _connected(self, event: str, facts: Mapping[str, Any]) -> None:
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        made = facts["return_value"].get_extra_info("socket")
        if isinstance(made, socket.socket):
            with self._lock:
                self._sockets.add(made)
                over = self._over
            if over:
                _shut(made)


def _shut(known: socket.socket) -> None:
    with suppress(OSError):  # it has just ended by itself
        socket.socket.shutdown(known, socket.SHUT_RDWR)  # past TLS, which would wait
