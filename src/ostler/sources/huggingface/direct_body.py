"""The bytes of one answer, received into the caller's own memory."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import httpx2

from ostler.core.streams import place_in_file
from ostler.sources import received

CHUNK = 2**20  # bytes
MOMENT = 0.05  # seconds that what comes is gathered for
LEFTOVER = 64 * 1024  # bytes of an error's page that are read

Explain = Callable[[Exception], Exception]


class DirectBody:
    """An answer of http.client, read from its socket.

    A socket gives what has come, often little, and TLS never more than 16 KiB. Whoever asks is
    given what comes in a moment: all that is done for each piece is done for fewer.
    """

    def __init__(
        self,
        response: http.client.HTTPResponse,
        sock: socket.socket | None,
        url: str,
        tag: str,
        explain: Explain,
    ) -> None:
        self._response, self._sock, self._url, self._explain = response, sock, url, explain
        self.start, self.size = place_in_file(response.status, response.headers)
        self.etag = tag
        self._left = response.length  # None: chunked, or until the server closes
        self.whole = self._left == 0
        self._beyond = False  # past the response's own buffer, where the body's first bytes may be
        self._broken: Exception | None = None  # what ended the last moment

    @property
    def status(self) -> int:
        return self._response.status

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer's beginning with what comes; 0 at the end. Raises HubUnreachable."""
        try:
            if self._left is None:
                return self._whatever(buffer)
            if not self._left or not buffer:
                return 0
            count = self._gather(buffer[: self._left])
            if not count:
                raise ConnectionResetError(f"closed with {self._left} bytes to come")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._explain(as_os_error(error)) from error
        self._left -= count
        self.whole = not self._left
        return count

    def _gather(self, window: memoryview) -> int:
        """Wait for what comes, then receive for a moment. What breaks off then is told next."""
        if self._broken:
            raise self._broken
        count = self._receive(window)
        if not (count and self._beyond and self._sock):
            return count
        patience, until = self._sock.gettimeout(), time.monotonic() + MOMENT
        self._sock.settimeout(MOMENT)  # a server that stalls keeps nothing back that has come
        try:
            while count < len(window):
                got = self._sock.recv_into(window[count:])
                count += got
                if not got or time.monotonic() > until:
                    break
        except TimeoutError:
            pass
        except (OSError, ValueError) as error:
            self._broken = error
        finally:
            self._sock.settimeout(patience)
        return count

    def _receive(self, window: memoryview) -> int:
        if self._beyond and self._sock:
            return self._sock.recv_into(window)
        # HTTPResponse itself has only copying reads
        stream = cast("BinaryIO", self._response.fp)
        count: int = stream.readinto1(window)  # type: ignore[attr-defined]
        # a buffered reader keeps nothing back from who asks for more than it holds
        self._beyond = len(window) > io.DEFAULT_BUFFER_SIZE
        return count

    def _whatever(self, buffer: memoryview) -> int:
        piece = self._response.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order. Raises HubUnreachable when they stop coming."""
        buffer = memoryview(bytearray(CHUNK))
        while count := self.readinto(buffer):
            yield bytes(buffer[:count])

    def as_response(self) -> httpx2.Response:
        """Return the answer as the HTTP library would, for a refusal to be explained."""
        content = b"".join(self._error_page())
        headers = self._response.headers.items()
        return received(self.status, headers, content, httpx2.Request("GET", self._url))

    def _error_page(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self.chunks():
            yield chunk
            seen += len(chunk)
            if seen > LEFTOVER:
                return


def as_os_error(error: Exception) -> OSError:
    """Name a broken answer so that it is explained as a network that failed."""
    return error if isinstance(error, OSError) else OSError(str(error) or type(error).__name__)
