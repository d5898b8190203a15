"""The side towards a backend: one connection, one answer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from ostler.core.reasons import why
from ostler.faces.gateway.exchange import Exchange
from ostler.faces.gateway.faults import REFUSALS
from ostler.faces.gateway.response import BODILESS, LONG, SINGLE, Whole, is_chunks, whole

if TYPE_CHECKING:
    from ostler.faces.gateway.client_side import Client
    from ostler.faces.gateway.lanes import Track
    from ostler.faces.gateway.pool import Pool
    from ostler.faces.gateway.request import Header


SWITCHED = 101  # to another protocol
MENDED = frozenset({*BODILESS, *REFUSALS})  # answers that go the long way
OF_ONE = frozenset({b"transfer-encoding", b"x-request-id"})  # of one answer, or framed otherwise


class Upstream(asyncio.Protocol):
    """Reads answers and hands them to the exchange that asked."""

    __slots__ = (
        "_at_edge",
        "_between",
        "_keep_alive",
        "_parser",
        "_pass_on",
        "_pool",
        "_surplus",
        "_whole",
        "began",
        "body",
        "client",
        "ended",
        "exchange",
        "fresh",
        "has_head",
        "headers",
        "heard",
        "paused",
        "pieces",
        "request_id",
        "silent",
        "status",
        "track",
        "transport",
        "write",
    )

    transport: asyncio.Transport
    # Of a request that goes the short way, as long as `client` is set:
    track: Track
    request_id: bytes
    body: bytes
    began: float

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = HttpResponseParser(self)
        self.exchange: Exchange | None = None
        self.client: Client | None = None  # whose request goes the short way
        self.write: Callable[[bytes], None] = _nowhere
        self._whole: Whole | None = None  # the latest answer that was whole in one piece
        self.paused = False
        self.fresh = True  # no answer has come over it yet
        self._reset()

    def _reset(self) -> None:
        self._at_edge = False  # the latest that the parser finished is a chunk, or a chunked head
        self._between = False  # and nothing of the next has come
        # The caller's, while whole chunks go on to it as they come.
        self._pass_on: Callable[[bytes], None] | None = None
        self.silent = 0.0  # seconds without a byte, as far as sweeps have seen
        self.heard = False  # any byte of the present answer
        self.has_head = False
        self.ended = False
        self._keep_alive = False
        self._surplus = False  # bytes after the answer's end
        self.status = 0
        self.headers: list[Header] = []
        self.pieces: list[bytes] = []

    def send(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Send a request; its answer goes to the exchange."""
        self._reset()
        self.exchange = exchange
        self.write(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            self.write(body)

    def settle(self) -> None:
        """Give the request that goes the short way an exchange, which goes any way."""
        client, self.client = self.client, None
        if client is not None:
            self.track.lanes.outbox.empty()
            self._reset()
            client.lane = None
            self.exchange = client.exchange = Exchange.from_lane(client, self)

    def pause(self) -> None:
        """Read no more for now."""
        self.paused = True
        self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self.paused = False
        self.transport.resume_reading()

    def drop(self) -> None:
        """Close at once; nobody is told."""
        self.exchange = self._pass_on = None
        self.transport.abort()

    def release(self, *, reusable: bool) -> None:
        """End the present answer and go back to the pool, where that is safe."""
        self.exchange = self._pass_on = None
        self.fresh = False
        if reusable and self._keep_alive and not self._surplus:
            if self.paused:
                self.resume()
            self._pool.give(self)
        else:
            self.transport.abort()

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.write = self.transport.write

    def data_received(self, data: bytes) -> None:
        pass_on = self._pass_on
        if pass_on is not None:
            size = len(data)
            alone = size < LONG and data.startswith(SINGLE[size]) and data[-2:] == b"\r\n"
            if alone or is_chunks(data):
                exchange = self.exchange
                assert exchange is not None
                exchange.bytes_out += size
                exchange.before, exchange.last = exchange.last, data
                self.silent = 0.0
                pass_on(data)
                return
            self._pass_on = None
        client = self.client
        if client is not None:
            known = self._whole
            body = known.spelling.body(data) if known is not None else None
            if known is not None and body is not None:
                self.track.lanes.close(self, client, known, body)
                return
            self.settle()
        self._read(data)

    def _read(self, data: bytes) -> None:
        if self.exchange is None:  # it speaks without being asked
            self._forget()
            return
        begins, self.heard = not self.heard, True
        self.silent = 0.0
        if begins and (known := self._pool.heads.recognise(data)) and self.exchange.takes_whole:
            self._hand_over(data, *known)
            return
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError:
            raise
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.status == SWITCHED and self.exchange.request.opens_tunnel:
                exchange, self.exchange = self.exchange, None
                exchange.tunnel(self, data[error.args[0] :])
                return
            if not self.ended:
                self._break(f"it sent what is no HTTP ({error})")
                return
            self._surplus = True
        self._between = self._at_edge and data.endswith(b"\r\n")
        if self.has_head:
            payload = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
            self.pieces.clear()
            if begins and self.ended and self._keep_alive and not self._surplus:
                self._learn(data, len(payload))
            exchange = self.exchange
            exchange.relay(payload, ended=self.ended)
            if self._between and exchange is self.exchange and exchange.takes_chunks:
                self._pass_on = exchange.as_it_comes()

    def _hand_over(self, data: bytes, known: Whole, begin: int) -> None:
        """Hand over a whole answer whose head is as one before it."""
        self._keep_alive = self.ended = True
        self._whole = known if known.status == 200 else None
        assert self.exchange is not None
        self.exchange.relay_whole(known, data[begin:])

    def _learn(self, data: bytes, size: int) -> None:
        fields = dict(self.headers)
        streams = fields.get(b"content-type", b"").startswith(b"text/event-stream")
        if self.status not in MENDED and OF_ONE.isdisjoint(fields) and not streams:
            spelling = self._pool.heads.is_worth(data, size)
            if spelling is not None:
                known = whole(self.status, self.headers, spelling)
                self._pool.heads.remember(spelling.key, known)

    def connection_lost(self, exc: Exception | None) -> None:
        self.write = _nowhere
        self.settle()
        if self.exchange is None:
            self._forget()
        elif exc is None and self._ends_with_the_connection():
            self.ended = True
            self.exchange.relay(b"", ended=True)
        else:
            self._break(f"it closed the connection ({why(exc) if exc else 'end of file'})")

    def _ends_with_the_connection(self) -> bool:
        return self.has_head and not any(
            name in (b"content-length", b"transfer-encoding") for name, _ in self.headers
        )

    def wait(self, seconds: float, longest: float) -> None:
        """Count silence; break off what has been silent for too long."""
        self.silent += 0.0 if self.paused else seconds
        if self.silent > longest:
            self._break(f"it has said nothing for {self.silent:.0f} s")

    def _forget(self) -> None:
        if self in self._pool.idle:
            self._pool.idle.remove(self)
        self.transport.abort()

    def _break(self, why: str) -> None:
        exchange, self.exchange, self._pass_on = self.exchange, None, None
        self.transport.abort()
        if exchange is not None:
            gone = not self.fresh and not self.heard and not self.silent
            exchange.broken(why, stale=gone)

    # --- the parser's callbacks ---------------------------------------------------------

    def on_message_begin(self) -> None:
        self._surplus = self.ended

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # what comes later are trailers, of which callers need none
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._surplus:
            return
        self.status = self._parser.get_status_code()
        if self.status == SWITCHED:
            return
        if self.status < 200:  # 100 Continue and 103 Early Hints: the answer is yet to come
            self.headers = []
        else:
            self.has_head = True
            self._keep_alive = self._parser.should_keep_alive()
            self._at_edge = (b"transfer-encoding", b"chunked") in self.headers

    def on_chunk_header(self) -> None:
        self._at_edge = False

    def on_chunk_complete(self) -> None:
        self._at_edge = True

    def on_body(self, piece: bytes) -> None:
        if not self._surplus:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.ended = self.has_head


def _nowhere(data: bytes) -> None:
    """What is written to a connection that is gone."""
