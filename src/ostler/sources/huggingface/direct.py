"""The straight way to a file's bytes: one socket, read into the caller's buffer.

The HTTP library hands out bytes in small pieces, which costs more than hashing them. Where no
proxy is set this asks by http.client instead, over connections that are kept for the next range,
and verifies servers by the same certificates as the library does. The token goes to the origin
that was asked and to none that it redirects to.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies

from ostler.errors import OstlerError
from ostler.sources import trust
from ostler.sources.huggingface.direct_body import DirectBody, Explain, as_os_error

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
EXPIRED = (400, 401, 403, 404, 410)  # what an address that was signed for a while says later

Connection = http.client.HTTPConnection


def usable() -> bool:
    """Say whether no proxy is set, neither in the environment nor in the system's settings."""
    return not any(name in ("http", "https", "all") for name in getproxies())


class Direct:
    """Connections to hubs and to where they redirect. Safe to use from several threads."""

    def __init__(self, connect_timeout: float, read_timeout: float) -> None:
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[Connection]] = {}
        self._asking: dict[Connection, socket.socket | None] = {}  # None: still connecting
        self._over = False
        self._moved: dict[str, str] = {}  # address of a file -> where its hub last sent us

    def apart(self) -> Direct:
        """Return the same with no connection yet."""
        return Direct(self._connect_timeout, self._read_timeout)

    def hang_up(self) -> None:
        """Wake whoever waits for a server: nothing more comes, and nothing more is asked."""
        with self._lock:
            self._over = True
            sockets = [known or one.sock for one, known in self._asking.items()]
        for known in sockets:
            if known:
                with suppress(OSError):  # it has just ended by itself
                    socket.socket.shutdown(known, socket.SHUT_RDWR)  # past TLS, which would wait
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str], explain: Explain) -> Iterator[DirectBody]:
        """Ask, follow redirects, and give the last answer; its status may be any.

        Where a hub sent us before is asked at once for the next range of the same file, until it
        refuses: a file of many ranges would be one of many requests to the hub otherwise.
        """
        moved = self._moved.get(url)
        try:
            sent = _without_token(headers) if moved else headers
            found = self._follow(moved or url, sent, explain)
        except OstlerError:
            self._moved.pop(url, None)  # the hub may know another place
            raise
        if moved and found.response.status in EXPIRED:
            found.response.close()
            self._drop(found.connection)
            self._moved.pop(url, None)
            found = self._follow(url, headers, explain)
        if _origin(urlsplit(found.url)) != _origin(urlsplit(url)):
            self._moved[url] = found.url
        body = DirectBody(found.response, found.connection.sock, found.url, found.tag, explain)
        try:
            yield body
        finally:
            found.response.close()  # or the connection would not take another request
            whole = body.whole and not found.response.will_close
            self._keep(_origin(urlsplit(found.url)), found.connection, whole)

    def _follow(self, url: str, headers: Mapping[str, str], explain: Explain) -> _Found:
        origin, tag = _origin(urlsplit(url)), ""
        for _ in range(MOST_REDIRECTS):
            place = urlsplit(url)
            connection, response = self._ask(place, headers, explain)
            tag = tag or _tag(response, redirected=_origin(place) != origin)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                return _Found(connection, response, url, tag)
            self._drop(connection)
            url = urljoin(url, response.headers["Location"])
            if _origin(urlsplit(url)) != origin:
                headers = _without_token(headers)
        raise explain(OSError(f"more than {MOST_REDIRECTS} redirects"))

    def _ask(
        self, place: SplitResult, headers: Mapping[str, str], explain: Explain
    ) -> tuple[Connection, http.client.HTTPResponse]:
        while True:
            connection, fresh = self._connection(place)
            try:
                self._watch(connection)
                if connection.sock is None:
                    connection.connect()
                    connection.timeout = self._read_timeout
                    cast("socket.socket", connection.sock).settimeout(self._read_timeout)
                    self._watch(connection)
                connection.request("GET", _target(place), headers=dict(headers))
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._drop(connection)
                if fresh or self._over or isinstance(error, TimeoutError):
                    raise explain(as_os_error(error)) from error
                # a kept connection that the server has closed meanwhile; ask by a new one

    def _watch(self, connection: Connection) -> None:
        """Let `hang_up` know of a connection that is about to be waited for. Raises OSError."""
        with self._lock:
            if self._over:
                raise OSError("the download was ended here")
            self._asking[connection] = connection.sock

    def _drop(self, connection: Connection) -> None:
        with self._lock:
            self._asking.pop(connection, None)
        connection.close()

    def _connection(self, place: SplitResult) -> tuple[Connection, bool]:
        with self._lock:
            idle = self._idle.get(_origin(place), [])
            if idle:
                return idle.pop(), False
        host, port = place.hostname or "", place.port
        if place.scheme != "https":
            return Connection(host, port, timeout=self._connect_timeout), True
        return http.client.HTTPSConnection(
            host, port, timeout=self._connect_timeout, context=trust()
        ), True

    def _keep(self, origin: tuple[str, str], connection: Connection, reusable: bool) -> None:
        if not reusable or self._over:
            self._drop(connection)
            return
        with self._lock:
            del self._asking[connection]
            self._idle.setdefault(origin, []).append(connection)


@dataclass(frozen=True, slots=True)
class _Found:
    """The last answer of a chain of redirects."""

    connection: Connection
    response: http.client.HTTPResponse
    url: str
    tag: str


def _origin(place: SplitResult) -> tuple[str, str]:
    return place.scheme, place.netloc.rpartition("@")[2]


def _without_token(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name != "Authorization"}


def _target(place: SplitResult) -> str:
    return (place.path or "/") + (f"?{place.query}" if place.query else "")


def _tag(response: http.client.HTTPResponse, redirected: bool) -> str:
    """Return the content's hash as the hub itself names it; a CDN's ETag is something else."""
    if redirected:
        return ""
    named = response.headers.get("X-Linked-Etag") or response.headers.get("ETag") or ""
    return named.removeprefix("W/").strip('"').lower()
