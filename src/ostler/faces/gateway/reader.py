"""Bytes from a caller into requests: what the parser finds, bounded and judged; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from ostler.faces.gateway.decision import admit
from ostler.faces.gateway.request import (
    Header,
    Request,
    head_too_large,
    malformed,
    too_large,
    without_upgrade,
)

if TYPE_CHECKING:
    from ostler.faces.gateway.relay import Relay


class Reader:
    """Reads the requests of one connection."""

    __slots__ = (
        "_headers",
        "_parser",
        "_relay",
        "_unfinished",
        "deaf",
        "got_on",
        "request",
        "whole",
    )

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._parser: HttpRequestParser | None = None  # made for the first bytes: many wait idle
        self._headers: list[Header] = []  # of the head being read
        self._unfinished = 0  # bytes fed without getting on
        self.got_on = False  # a head, or a piece of a body, was finished in the latest feed
        self.deaf = False  # nothing more is to be read
        self.request: Request | None = None  # being read
        self.whole: list[Request] = []  # waiting for their turn

    def stop(self) -> None:
        """Read no more and forget what waits."""
        self.deaf = True
        self.whole.clear()

    def let_go(self) -> None:
        """Part from the parser, which holds this object in turn."""
        self.stop()
        self._parser = None

    def feed(self, data: bytes | bytearray) -> bytes:
        """Read on; return what has to be fed again, usually nothing."""
        if self._parser is None:
            self._parser = HttpRequestParser(self)
        self.got_on, again = False, b""
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError:
            raise
        except HttpParserUpgrade as upgrade:
            again = self._judge_upgrade(bytes(data[upgrade.args[0] :]))
        except HttpParserError as error:
            self._not_http(str(error))
        self._bound_what_is_unfinished(len(data))
        return again

    def _judge_upgrade(self, rest: bytes) -> bytes:
        """Have the request read again as if it had offered no other protocol, save for tunnels.

        The parser stops after the head of such a request and takes its body for bytes of the
        new protocol; read on from there, a body would be a request of its own. What opens a
        tunnel has no body.
        """
        request = self.whole[-1]
        if request.refusal is not None:  # CONNECT is always one of these
            request.keep_alive, self.deaf = False, True
            return b""
        self._parser = HttpRequestParser(self)
        if request.opens_tunnel:
            return rest
        return without_upgrade(self.whole.pop()) + rest

    def _bound_what_is_unfinished(self, size: int) -> None:
        """Refuse a header, trailer or chunk extension that never ends: the parser keeps it all."""
        self._unfinished = 0 if self.got_on else self._unfinished + size
        limits = self._relay.limits
        if self._unfinished > limits.max_header_bytes and self.request is not None:
            self.request.refusal = self.request.refusal or head_too_large(limits)

    def _not_http(self, why: str) -> None:
        if self.whole and not self.whole[-1].keep_alive:
            self.deaf = True  # bytes after the last request of a connection mean nothing
            return
        self.request = self.request or Request()
        self.request.refusal = self.request.refusal or malformed(f"This is no HTTP: {why}.")

    # --- the parser's callbacks ---------------------------------------------------------

    def on_message_begin(self) -> None:
        self.request = Request()
        self._headers = []

    def on_url(self, piece: bytes) -> None:
        assert self.request is not None
        self.request.target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request, parser = self.request, self._parser
        assert request is not None
        assert parser is not None
        self.got_on = True
        request.method = parser.get_method()
        request.version = parser.get_http_version()
        request.keep_alive = request.version == "1.1" and parser.should_keep_alive()
        request.take_head(self._headers)
        self._headers = []  # trailers go here, of which none is used
        request.refusal = request.refusal or admit(self._relay.routes, request)

    def on_body(self, piece: bytes) -> None:
        request = self.request
        assert request is not None
        self.got_on = True
        request.size += len(piece)
        if request.size > self._relay.limits.max_body_bytes:
            request.refusal = request.refusal or too_large(self._relay.limits)
        if request.refusal is None:
            request.body.append(piece)
            request.wants_continue = False

    def on_message_complete(self) -> None:
        assert self.request is not None
        self.got_on = True
        self.whole.append(self.request)
        self.request = None
