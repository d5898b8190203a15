"""The side towards callers: one connection, its requests served one after the other."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ostler.faces.gateway.exchange import Exchange
from ostler.faces.gateway.lanes import Usual
from ostler.faces.gateway.reader import Reader
from ostler.faces.gateway.request import Request
from ostler.faces.gateway.response import CONTINUE

if TYPE_CHECKING:
    from ostler.faces.gateway.relay import Relay
    from ostler.faces.gateway.upstream import Upstream

SLICE = 64 * 1024  # parsed at a time, so that a burst of tiny requests cannot pile up as objects
HELD = 64 * 1024  # read ahead while a request is served; reading on is how a leave is seen
LINGER_SECONDS = 2.0  # a refused caller that still sends gets this long to read its answer


class Client(asyncio.Protocol):
    """Reads requests and gives them to the relay, one at a time and in order."""

    __slots__ = (
        "_held",
        "_known",
        "_paused",
        "_reader",
        "_relay",
        "_stepping",
        "exchange",
        "lane",
        "moved",
        "since",
        "transport",
        "usual",
        "write",
    )

    transport: asyncio.Transport

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._reader = Reader(relay)
        self._held = bytearray()  # not read yet
        self._paused = False  # the caller reads more slowly than we write
        self._stepping = False
        self.exchange: Exchange | None = None
        self.lane: Upstream | None = None  # where the present request goes the short way
        # The head that its requests have, while nothing is under way: the next can go that way.
        self.usual: Usual | None = None
        self._known: Usual | None = None  # the same, whatever is under way
        self.write: Callable[[bytes], None] = _nowhere
        self.moved = False  # it got somewhere since the latest sweep
        self.since = relay.loop.time()  # when it last got anywhere, for the sweep

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.write = self.transport.write
        self._relay.clients.add(self)

    def data_received(self, data: bytes) -> None:
        usual = self.usual
        if usual is not None:
            body = usual.spelling.body(data)
            if body is not None and self._relay.lanes.open(self, usual, body):
                return
        self.settle()
        self._take(data)

    def settle(self) -> None:
        """Have the present request, and what comes next, go the long way."""
        self.usual = None
        self._relay.lanes.outbox.empty()
        if self.lane is not None:
            self.lane.settle()

    def _take(self, data: bytes) -> None:
        reader = self._reader
        if reader.deaf:
            return
        if self._is_taken():
            self._held += data
        elif reader.request is None and (known := self._relay.heads.recognise(data)):
            if self._takes_again(data, *known):
                return
        elif len(data) > SLICE:
            self._held += data
        else:
            self._read_and_learn(data)
        self._step()
        if len(self._held) > HELD:
            self.transport.pause_reading()

    def eof_received(self) -> None:
        # A caller that only shut its sending side looks the same as one that has gone. Taking
        # both as gone is what stops an engine from working for nobody.
        self.settle()
        if self.exchange is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.write = _nowhere
        self.settle()
        self._relay.forget(self)
        self._reader.let_go()
        if self.exchange is not None:
            self.exchange.leave()

    @property
    def is_waited_for(self) -> bool:
        """True while the next move is the caller's: to ask, to go on asking, or to read."""
        return self.exchange is None or self._paused

    def pause_writing(self) -> None:
        self.settle()
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

    def _takes_again(self, data: bytes, usual: Usual, begin: int) -> bool:
        """Serve a whole request whose head is as one before it; False if that is over already."""
        relay, body = self._relay, data[begin:]
        self._known = usual
        if not relay.draining and relay.lanes.open(self, usual, body):
            return True
        if len(body) > relay.limits.max_body_bytes:
            self._read(data)  # which says so
            return False
        self.since = relay.loop.time()
        self._stepping = True
        self._serve(usual.request.again(body))
        self._stepping = False
        return self.exchange is not None

    def _read_and_learn(self, data: bytes) -> None:
        begins = self._reader.request is None
        self._read(data)
        whole = self._reader.whole
        if begins and len(whole) == 1 and self._reader.request is None and whole[0].is_usual:
            spelling = self._relay.heads.is_worth(data, whole[0].size)
            if spelling is not None:
                self._known = Usual(spelling, whole[0], self._relay.routes)
                self._relay.heads.remember(spelling.key, self._known)

    def _is_taken(self) -> bool:
        return self.exchange is not None or self._paused or bool(self._reader.whole or self._held)

    def _read(self, data: bytes | bytearray) -> None:
        again = self._reader.feed(data)
        if again:
            self._held[:0] = again
        if self._reader.got_on:
            self.since = self._relay.loop.time()

    # --- serving ------------------------------------------------------------------------

    def _step(self) -> None:
        """Serve what can be served now. Answers given at once come back here: hence the loop."""
        if self._stepping:
            return
        self._stepping, reader = True, self._reader
        while not self._paused and self.exchange is None and not self.transport.is_closing():
            if reader.whole:
                self._serve(reader.whole.pop(0))
            elif reader.request is not None and reader.request.refusal is not None:
                self._turn_away(reader.request)
            elif self._held and not reader.deaf:
                self._read_held()
            else:
                self._invite()
                if reader.request is None and not reader.deaf and not self._relay.draining:
                    self.usual = self._known
                break
        self._stepping = False

    def _read_held(self) -> None:
        data = self._held[:SLICE]
        del self._held[:SLICE]
        self._read(data)
        if len(self._held) <= HELD:
            self.transport.resume_reading()

    def _serve(self, request: Request) -> None:
        self.exchange = Exchange(self._relay, self, request)
        if request.refusal is None:
            self._relay.start(self.exchange)
        else:
            self.exchange.refuse(request.refusal)

    def _invite(self) -> None:
        request = self._reader.request
        if request is not None and request.wants_continue:
            request.wants_continue = False
            self.transport.write(CONTINUE)

    def _turn_away(self, request: Request) -> None:
        """Refuse a request that is not whole: what is still sent is read and thrown away, because
        closing at once could take the answer from the caller before it is read.
        """
        self._reader.request, self._reader.deaf, request.keep_alive = None, True, False
        self.exchange = Exchange(self._relay, self, request)
        assert request.refusal is not None
        self.exchange.refuse(request.refusal)

    def exchange_over(self, *, close: bool) -> None:
        """The present request is answered, or never will be."""
        self.exchange = None
        self.since = self._relay.loop.time()
        if close or self._relay.draining:
            self._close(linger=self._reader.deaf)
        elif not self.transport.is_closing():
            self._step()

    def hand_over(self) -> bytes:
        """Part from the connection, which becomes a tunnel; return what was read ahead."""
        held = bytes(self._held)
        if len(held) > HELD:
            self.transport.resume_reading()
        self._held.clear()
        self.exchange, self.write = None, _nowhere
        self._reader.let_go()
        self._relay.forget(self)
        return held

    def _close(self, *, linger: bool) -> None:
        self._reader.stop()
        self._held.clear()
        if self.transport.is_closing():
            return
        if linger:
            self.transport.resume_reading()
            if self.transport.can_write_eof():  # not over TLS
                self.transport.write_eof()
            self._relay.loop.call_later(LINGER_SECONDS, self._linger_no_more)
        else:
            self.transport.close()

    def _linger_no_more(self) -> None:
        if not self.transport.get_write_buffer_size():  # else it reads slowly: the sweep's affair
            self.transport.abort()

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


def _nowhere(data: bytes) -> None:
    """What is written to a connection that is gone."""
