"""The side towards callers: one connection, its requests served one after the other."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from ostler.faces.gateway.decision import admit
from ostler.faces.gateway.exchange import Exchange
from ostler.faces.gateway.request import (
    Header,
    Request,
    head_too_large,
    malformed,
    too_large,
    without_upgrade,
)
from ostler.faces.gateway.response import CONTINUE

if TYPE_CHECKING:
    from ostler.faces.gateway.relay import Relay

SLICE = 64 * 1024  # parsed at a time, so that a burst of tiny requests cannot pile up as objects
HELD = 64 * 1024  # read ahead while a request is served; reading on is how a leave is seen
LINGER_SECONDS = 2.0  # a refused caller that still sends gets this long to read its answer


class Client(asyncio.Protocol):
    """Parses requests and gives them to the relay, one at a time and in order."""

    __slots__ = (
        "_deaf",
        "_got_on",
        "_headers",
        "_held",
        "_parser",
        "_paused",
        "_queue",
        "_relay",
        "_request",
        "_stepping",
        "_unfinished",
        "exchange",
        "since",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._request: Request | None = None  # being read
        self._headers: list[Header] = []  # of the head being read
        self._queue: deque[Request] = deque()  # whole, waiting for their turn
        self._held = bytearray()  # not parsed yet
        self._got_on = False  # the parser finished a part of the message in the latest feed
        self._unfinished = 0  # bytes fed without that
        self._deaf = False  # nothing more is parsed
        self._paused = False  # the caller reads more slowly than we write
        self._stepping = False
        self.exchange: Exchange | None = None
        self.since = relay.loop.time()  # when it last got anywhere, for the sweep

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._relay.clients.add(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._is_taken() or len(data) > SLICE:
            self._held += data
        else:
            self._parse(data)
        self._step()
        if len(self._held) > HELD:
            self.transport.pause_reading()

    def eof_received(self) -> None:
        # A caller that only shut its sending side looks the same as one that has gone. Taking
        # both as gone is what stops an engine from working for nobody.
        if self.exchange is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.forget(self)
        self._deaf = True
        self._parser = None  # it holds this object in turn
        self._queue.clear()
        if self.exchange is not None:
            self.exchange.leave()

    @property
    def is_waited_for(self) -> bool:
        """True while the next move is the caller's: to ask, to go on asking, or to read."""
        return self.exchange is None or self._paused

    def pause_writing(self) -> None:
        self._paused = True
        self.since = self._relay.loop.time()
        if self.exchange is not None:
            self.exchange.pause()

    def resume_writing(self) -> None:
        self._paused = False
        self.since = self._relay.loop.time()
        if self.exchange is not None:
            self.exchange.resume()
        self._step()

    # --- reading ------------------------------------------------------------------------

    def _is_taken(self) -> bool:
        return self.exchange is not None or self._paused or bool(self._queue or self._held)

    def _parse(self, data: bytes | bytearray) -> None:
        assert self._parser is not None
        self._got_on = False
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError:
            raise
        except HttpParserUpgrade as upgrade:
            self._decline_upgrade(bytes(data[upgrade.args[0] :]))
        except HttpParserError as error:
            self._not_http(str(error))
        self._bound_what_is_unfinished(len(data))

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it had offered no other protocol.

        The parser stops after the head of such a request and takes its body for bytes of the
        new protocol; read on from there, a body would be a request of its own.
        """
        request = self._queue[-1]
        if request.refusal is not None:  # CONNECT is always one of these
            request.keep_alive, self._deaf = False, True
            return
        self._parser = HttpRequestParser(self)
        self._held[:0] = without_upgrade(self._queue.pop()) + rest

    def _bound_what_is_unfinished(self, size: int) -> None:
        """Refuse a header, trailer or chunk extension that never ends: the parser keeps it all."""
        self._unfinished = 0 if self._got_on else self._unfinished + size
        limits = self._relay.limits
        if self._unfinished > limits.max_header_bytes and self._request is not None:
            self._request.refusal = self._request.refusal or head_too_large(limits)

    def _not_http(self, why: str) -> None:
        if self._queue and not self._queue[-1].keep_alive:
            self._deaf = True  # bytes after the last request of a connection mean nothing
            return
        self._request = self._request or Request()
        self._request.refusal = self._request.refusal or malformed(f"This is no HTTP: {why}.")

    # --- the parser's callbacks ---------------------------------------------------------

    def on_message_begin(self) -> None:
        self._request = Request()
        self._headers = []

    def on_url(self, piece: bytes) -> None:
        assert self._request is not None
        self._request.target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request, parser = self._request, self._parser
        assert request is not None
        assert parser is not None
        self._got_on = True
        request.method = parser.get_method()
        request.version = parser.get_http_version()
        request.keep_alive = request.version == "1.1" and parser.should_keep_alive()
        request.take_head(self._headers)
        self._headers = []  # trailers go here, of which none is used
        request.refusal = request.refusal or admit(self._relay.routes, request)

    def on_body(self, piece: bytes) -> None:
        request = self._request
        assert request is not None
        self._got_on = True
        self.since = self._relay.loop.time()
        request.size += len(piece)
        if request.size > self._relay.limits.max_body_bytes:
            request.refusal = request.refusal or too_large(self._relay.limits)
        if request.refusal is None:
            request.body.append(piece)
            request.wants_continue = False

    def on_message_complete(self) -> None:
        assert self._request is not None
        self._got_on = True
        self._queue.append(self._request)
        self._request = None

    # --- serving ------------------------------------------------------------------------

    def _step(self) -> None:
        """Serve what can be served now. Answers given at once come back here: hence the loop."""
        if self._stepping:
            return
        self._stepping = True
        while not self._paused and self.exchange is None and not self.transport.is_closing():
            if self._queue:
                self._serve(self._queue.popleft())
            elif self._request is not None and self._request.refusal is not None:
                self._turn_away(self._request)
            elif self._held and not self._deaf:
                self._parse_held()
            else:
                self._invite()
                break
        self._stepping = False

    def _parse_held(self) -> None:
        data = self._held[:SLICE]
        del self._held[:SLICE]
        self._parse(data)
        if len(self._held) <= HELD:
            self.transport.resume_reading()

    def _serve(self, request: Request) -> None:
        self.exchange = Exchange(self._relay, self, request)
        if request.refusal is None:
            self._relay.start(self.exchange)
        else:
            self.exchange.refuse(request.refusal)

    def _invite(self) -> None:
        if self._request is not None and self._request.wants_continue:
            self._request.wants_continue = False
            self.transport.write(CONTINUE)

    def _turn_away(self, request: Request) -> None:
        """Refuse a request that is not whole: what is still sent is read and thrown away, because
        closing at once could take the answer from the caller before it is read.
        """
        self._request, self._deaf, request.keep_alive = None, True, False
        self.exchange = Exchange(self._relay, self, request)
        assert request.refusal is not None
        self.exchange.refuse(request.refusal)

    def exchange_over(self, *, close: bool) -> None:
        """The present request is answered, or never will be."""
        self.exchange = None
        self.since = self._relay.loop.time()
        if close or self._relay.draining:
            self._close(linger=self._deaf)
        elif not self.transport.is_closing():
            self._step()

    def _close(self, *, linger: bool) -> None:
        self._deaf = True
        self._held.clear()
        self._queue.clear()
        if self.transport.is_closing():
            return
        if linger:
            self.transport.resume_reading()
            self.transport.write_eof()
            self._relay.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    def cut(self, *, hard: bool) -> None:
        """Break the connection off in the middle of an answer.

        `hard`: by a reset, where a mere end would look like the answer's proper end.
        """
        if hard:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()
