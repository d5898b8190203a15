"""One request and its answer: from the choice of a backend to the end, counted exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from ostler.faces.gateway import form
from ostler.faces.gateway.allowance import Entered
from ostler.faces.gateway.body import one_scale, renamed, tokens_in
from ostler.faces.gateway.decision import broken, ending, no_control
from ostler.faces.gateway.faults import REFUSALS, translated
from ostler.faces.gateway.messages import Ended
from ostler.faces.gateway.request import Refusal, Request, head_for
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
    switched,
    unchunked,
)

if TYPE_CHECKING:
    from ostler.faces.gateway.client_side import Client
    from ostler.faces.gateway.pool import Pool
    from ostler.faces.gateway.relay import Relay
    from ostler.faces.gateway.upstream import Upstream

# An engine's word that it has not taken the request, so that another may be asked instead.
TOO_BUSY = frozenset({429, 503})
CLIENT_LEFT = 499  # as nginx writes it: the caller was gone before the answer was whole


class Exchange:
    """Owns one request's life.

    It ends in `finish`, once: whoever could call again has let go of the exchange by then. The
    caller's side and the backend's forget it before they report, the timer and the connect are
    cancelled when the caller leaves.
    """

    model = ""  # the id; empty for the control API
    spelt: str | None = None  # the model's name as the body has it
    timer: asyncio.TimerHandle | None = None  # while it waits for its model
    parked = -1  # where it is counted while it waits
    entered: Entered | None = None  # where it is counted against limits; None: not let in yet
    _pool: Pool | None = None
    others: tuple[str, ...] = ()  # models that serve the name asked for as well
    _tried: tuple[Pool, ...] = ()  # backends that could not be reached, or were too busy
    _announced = False  # the answer has begun, with comments on a model's load
    _collected: list[bytes] | None = None  # of an answer that is changed when it is whole
    _upstream: Upstream | None = None
    _dialling: asyncio.Task[None] | None = None
    _head_sent = False
    _chunked = False
    _open_ended = False
    _mark: DoneMark | None = None
    _status = 0
    _first: float | None = None  # when the first byte of the answer's body came
    before = last = b""  # the last two pieces of the answer, where engines state the usage
    _framed = False  # those pieces may be whole chunks with their framing
    bytes_out = 0

    def __init__(self, relay: Relay, client: Client, request: Request) -> None:
        self._relay = relay
        self.client = client
        self.request = request
        self.request_id = request.request_id() or relay.lanes.new_id()
        self.body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
        self._close = not request.keep_alive
        self._began = monotonic()

    @classmethod
    def from_lane(cls, client: Client, upstream: Upstream) -> Exchange:
        """Return the exchange of a request that went the short way so far."""
        track = upstream.track
        one = cls(track.lanes.relay, client, track.usual.request.again(upstream.body))
        one.request_id, one._began = upstream.request_id, upstream.began
        one.model, one.spelt = track.model, track.spelt
        one.entered = track.seats
        one._pool, one._upstream = track.pool, upstream
        return one

    # --- towards the backend ------------------------------------------------------------

    def send(self, pool: Pool) -> None:
        """Send the request to this backend, over a pooled connection or a fresh one."""
        self._pool = pool
        caller = self.request.caller
        pool.begin(caller.role if caller is not None else "")
        upstream = pool.take()
        if upstream is None:
            self._dial(pool)
        else:
            self._use(pool, upstream)

    def _dial(self, pool: Pool) -> None:
        self._dialling = self._relay.loop.create_task(self._connect(pool))

    async def _connect(self, pool: Pool) -> None:
        try:
            upstream = await pool.connect()
        except (OSError, TimeoutError) as error:
            self._dialling = None
            self._unreached(pool, f"no connection could be made ({error or 'timed out'})")
        else:
            self._dialling = None
            self._use(pool, upstream)

    def _unreached(self, pool: Pool, why: str) -> None:
        """Nothing was sent: another backend may be asked, each once."""
        another = self._another(pool)
        if another is None:
            self.broken(why, stale=False)
            return
        pool.broken(why)
        pool.end()
        self.send(another)

    def _another(self, pool: Pool) -> Pool | None:
        self._tried = (*self._tried, pool)
        return self._relay.another(self, self._tried) if self.model else None

    def _went_elsewhere(self, upstream: Upstream) -> bool:
        """Ask another backend where this one said that it is too busy, and did nothing."""
        pool = self._pool
        another = self._another(pool) if pool is not None else None
        if pool is None or another is None:
            return False
        self._upstream = None
        upstream.drop()
        pool.end()
        self.send(another)
        return True

    def _use(self, pool: Pool, upstream: Upstream) -> None:
        self._upstream = upstream
        body, target = self.body, self.request.way.target if self.request.way else b"/"
        wanted = pool.backend.model_name
        if wanted and self.spelt is not None and self.spelt != wanted:
            kind = self.request.kind
            body = form.renamed(kind, body, wanted) if form.is_form(kind) else renamed(body, wanted)
        head = head_for(self.request, target, pool.host, len(body), self.request_id)
        upstream.send(self, head, body)

    def wait(self, seconds: float, longest: float) -> None:
        """Count so many more seconds of waiting for the backend."""
        if self._upstream is not None:
            self._upstream.wait(seconds, longest)

    def pause(self) -> None:
        """Read no more from the backend: the caller is slower than it."""
        if self._upstream is not None:
            self._upstream.pause()

    def resume(self) -> None:
        """Read on: the caller has caught up."""
        if self._upstream is not None:
            self._upstream.resume()

    # --- from the backend ---------------------------------------------------------------

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
        """Say whether the answer's scores are put on another scale."""
        way, pool = self.request.way, self._pool
        if pool is None or not pool.backend.logits or way is None:
            return False
        return way.target.partition(b"?")[0].endswith(b"/rerank")

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
                whole = one_scale(whole)
            named = ((name, value) for name, value in upstream.headers if name != b"content-length")
            upstream.headers = [*named, (b"content-length", b"%d" % len(whole))]
        self.relay(whole, ended=True)

    def announce(self, eta: float | None) -> None:
        """Tell a streaming caller that its model is being loaded."""
        say = chunk(progress(self.model, eta))
        if not self._announced:
            self._announced = self._head_sent = self._chunked = True
            say = EVENTS % (self.request.permits, self.request_id) + say
        self.client.transport.write(say)

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

    def tunnel(self, upstream: Upstream, early: bytes) -> None:
        """Let both connections talk to each other: the control API has agreed to a WebSocket.

        `early` is what it has said already.
        """
        self._upstream = None
        if self._pool is not None:
            self._pool.end()
        held = self.client.hand_over()
        self._first, near = monotonic(), self.client.transport
        near.write(switched(upstream.headers, self.request_id) + early)
        if held:
            upstream.write(held)
        self._relay.tunnel(self, near, upstream.transport)

    @property
    def is_page_waiting(self) -> bool:
        """True while a page of the dashboard waits for news, which may come late or never."""
        way, method = self.request.way, self.request.method
        return way is not None and way.is_page and method == b"GET" and not self._head_sent

    def _count(self, payload: bytes) -> None:
        if self._first is None:
            self._first = monotonic()
        self.bytes_out += len(payload)
        self.before, self.last = self.last, payload

    def broken(self, why: str, *, stale: bool) -> None:
        """The backend failed. `stale`: a pooled connection died before it answered anything, which
        happens when an engine closes it just then. That alone is worth a second try, and a fresh
        connection is never stale, so there is no third.
        """
        self._upstream = None
        pool = self._pool
        assert pool is not None
        if stale:
            self._dial(pool)
            return
        pool.broken(why)
        if self._status:  # too late for an error: an answer cut short must look cut short
            self.client.cut(hard=self._open_ended)
            self.finish(502, close=True)
        else:
            self.refuse(broken(why) if self.model else no_control(why))

    # --- the end ------------------------------------------------------------------------

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

    def leave(self) -> None:
        """The caller is gone: let go of everything at once."""
        self._relay.unpark(self)
        self._let_go()
        self.finish(CLIENT_LEFT, close=True)

    def end(self) -> None:
        """Tell a page that waits that the server ends."""
        self._let_go()
        self.refuse(ending())

    def _let_go(self) -> None:
        if self._dialling is not None:
            self._dialling.cancel()
        if self._upstream is not None:
            self._upstream.drop()
            self._upstream = None

    def finish(self, status: int, *, close: bool) -> None:
        """Count the request out and let the caller's connection go on."""
        if self._pool is not None:
            self._pool.end()
        self._relay.ended(self, status, self._tokens())
        self.client.exchange_over(close=close)

    def _tokens(self) -> tuple[int | None, int | None]:
        tail = self.last
        if self._framed:
            tail = unchunked(self.before) + unchunked(tail)
        elif self.before:
            tail = self.before + tail
        return tokens_in(tail[-4096:]) if tail else (None, None)

    def ended(self, status: int, tokens: tuple[int | None, int | None], epoch: float) -> Ended:
        """Return what is written down of the request; `epoch` makes moments seconds since 1970."""
        over, began, caller = monotonic(), self._began, self.request.caller
        return Ended(
            epoch + over, *self.request.shown, self.model,
            self._pool.backend.id if self._pool is not None else "",
            status, over - began, self._first - began if self._first is not None else None,
            len(self.body), self.bytes_out, *tokens,
            caller.name if caller is not None else "", self.request_id.decode(),
        )  # fmt: skip
