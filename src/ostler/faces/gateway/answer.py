"""An answer on its way to its caller: an engine's as it comes, or one of the gateway's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from ostler.faces.gateway.body import one_scale, tokens_in
from ostler.faces.gateway.faults import REFUSALS, translated
from ostler.faces.gateway.request import Refusal, Request
from ostler.faces.gateway.response import (
    EVENTS,
    LAST_CHUNK,
    DoneMark,
    Whole,
    as_event,
    chunk,
    empty_answer,
    envelope,
    error_answer,
    progress,
    relayed_head,
    unchunked,
)

if TYPE_CHECKING:
    from ostler.faces.gateway.client_side import Client
    from ostler.faces.gateway.pool import Pool
    from ostler.faces.gateway.relay import Relay
    from ostler.faces.gateway.upstream import Upstream

# An engine's word that it has not taken the request, so that another may be asked instead.
TOO_BUSY = frozenset({429, 503})


class Answer(ABC):
    """What of an exchange concerns its caller."""

    model = ""  # the id; empty for the control API
    request: Request
    request_id: bytes
    client: Client
    _relay: Relay
    _close: bool  # the connection ends with the answer
    _pool: Pool | None = None
    _upstream: Upstream | None = None
    _announced = False  # the answer has begun, with comments on a model's load
    _collected: list[bytes] | None = None  # of an answer that is changed when it is whole
    _head_sent = False
    _chunked = False
    _open_ended = False
    _mark: DoneMark | None = None
    _status = 0
    _first: float | None = None  # when the first byte of the answer's body came
    before = last = b""  # the last two pieces of the answer, where engines state the usage
    _framed = False  # those pieces may be whole chunks with their framing
    bytes_out = 0

    @abstractmethod
    def finish(self, status: int, *, close: bool) -> None:
        """Count the request out and let the caller's connection go on."""

    @abstractmethod
    def _went_elsewhere(self, upstream: Upstream) -> bool:
        """Ask another backend where this one said that it is too busy, and did nothing."""

    # --- an engine's --------------------------------------------------------------------

    def relay(self, payload: bytes, *, ended: bool) -> None:
        """Pass on what came of the answer; its head goes with the first piece."""
        upstream, transport = self._upstream, self.client.transport
        assert upstream is not None
        if self.request.method == b"HEAD":
            payload, ended = b"", True
        if not self._status:
            if upstream.status in TOO_BUSY and self.model and self._went_elsewhere(upstream):
                return
            self._look(upstream)
        if self._collected is not None:
            self._collect(upstream, payload, ended=ended)
            return
        out = [] if self._head_sent else [self._begin(upstream)]
        if self._mark is not None:
            self._mark.see(payload)
            payload += self._mark.missing() if ended else b""
        if payload:
            self._count(payload)
            out.append(chunk(payload) if self._chunked else payload)
        if ended and self._chunked:
            out.append(LAST_CHUNK)
        if out:
            transport.write(out[0] if len(out) == 1 else b"".join(out))
        if ended:
            self._upstream = None
            upstream.release(reusable=self.request.method != b"HEAD")
            self.finish(self._status, close=self._close)

    @property
    def takes_chunks(self) -> bool:
        """Say whether whole chunks can go to the caller as they came: all after the first."""
        is_plain = self._mark is None and self._collected is None
        return self._chunked and self._first is not None and is_plain

    def as_it_comes(self) -> Callable[[bytes], None]:
        """Return what whole chunks are written with from now on, by who notes that they were.

        What they hold is looked at only if they are the last.
        """
        self._framed = True
        return self.client.transport.write

    def _look(self, upstream: Upstream) -> None:
        """See from an answer's head whether it must be whole before it goes on."""
        self._status = upstream.status
        assert self._pool is not None
        if self._announced:
            if upstream.status != 200:
                self._collected = []
            elif self._pool.backend.adds_done:
                self._mark = DoneMark()
        elif upstream.status in REFUSALS and self.model:
            self._collected = []  # an engine says what is wrong with a request
        elif self.rescores and upstream.status == 200:
            self._collected = []

    @property
    def rescores(self) -> bool:
        """Say whether the answer's scores are put on another scale, or in another form."""
        way = self.request.way
        if self._scores() == "given" or way is None:
            return False
        return way.target.partition(b"?")[0].endswith(b"/rerank")

    def _scores(self) -> str:
        return "given" if self._pool is None else self._pool.backend.scores

    def _collect(self, upstream: Upstream, payload: bytes, *, ended: bool) -> None:
        """Keep what came; when it is whole, change it and pass it on."""
        assert self._collected is not None
        self._collected.append(payload)
        if not ended:
            return
        whole, self._collected = b"".join(self._collected), None
        if self._announced:
            whole = as_event(whole)
        else:
            if upstream.status in REFUSALS:
                upstream.status, whole = translated(upstream.status, whole)
                self._status = upstream.status
            else:
                whole = one_scale(whole, logits=self._scores() == "logits")
            named = ((name, value) for name, value in upstream.headers if name != b"content-length")
            upstream.headers = [*named, (b"content-length", b"%d" % len(whole))]
        self.relay(whole, ended=True)

    @property
    def takes_whole(self) -> bool:
        """Say whether an answer can go to the caller as `relay_whole` writes it."""
        return not (
            self._close
            or self._announced
            or self._relay.draining
            or self.request.permits
            or self.request.method != b"POST"
            or self.rescores
        )

    def relay_whole(self, known: Whole, body: bytes) -> None:
        """Pass on an answer that came in one piece."""
        upstream = self._upstream
        assert upstream is not None
        if known.status in TOO_BUSY and self.model and self._went_elsewhere(upstream):
            return
        self._head_sent, self._status = True, known.status
        self._count(body)
        self.client.transport.write(known.form % (len(body), self.request_id, body))
        self._upstream = None
        upstream.release(reusable=True)
        self.finish(known.status, close=False)

    def _begin(self, upstream: Upstream) -> bytes:
        adds_done = self._pool is not None and self._pool.backend.adds_done
        head = relayed_head(
            upstream.status,
            upstream.headers,
            self.request_id,
            old=self.request.version == "1.0",
            close=self._close or self._relay.draining,
            bodiless=self.request.method == b"HEAD",
            unsized=adds_done,
            permits=self.request.permits,
        )
        self._head_sent, self._status = True, upstream.status
        self._chunked, self._open_ended, self._close = head.chunked, head.open_ended, head.close
        if adds_done and head.streams and upstream.status == 200:
            self._mark = DoneMark()
        return head.data

    def _count(self, payload: bytes) -> None:
        if self._first is None:
            self._first = monotonic()
        self.bytes_out += len(payload)
        self.before, self.last = self.last, payload

    def _tokens(self) -> tuple[int | None, int | None]:
        tail = self.last
        if self._framed:
            tail = unchunked(self.before) + unchunked(tail)
        elif self.before:
            tail = self.before + tail
        return tokens_in(tail[-4096:]) if tail else (None, None)

    # --- the gateway's own --------------------------------------------------------------

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error."""
        close = self._close or refusal.close or self._relay.draining
        if self._announced:
            self.client.transport.write(chunk(as_event(envelope(refusal))) + LAST_CHUNK)
            self.finish(refusal.status, close=close)
            return
        head_only = self.request.method == b"HEAD"
        self.client.transport.write(
            error_answer(
                refusal,
                self.request_id,
                close=close,
                head_only=head_only,
                permits=self.request.permits,
            )
        )
        self.finish(refusal.status, close=close)

    def permit(self) -> None:
        """Answer a browser's question of what a page may send."""
        close, permits = self._close or self._relay.draining, self.request.permits
        self.client.transport.write(empty_answer(self.request_id, close=close, permits=permits))
        self.finish(204, close=close)

    def announce(self, eta: float | None) -> None:
        """Tell a streaming caller that its model is being loaded."""
        say = chunk(progress(self.model, eta))
        if not self._announced:
            self._announced = self._head_sent = self._chunked = True
            say = EVENTS % (self.request.permits, self.request_id) + say
        self.client.transport.write(say)
