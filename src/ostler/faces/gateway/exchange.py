"""One request and its answer: from the choice of a backend to the end, counted exactly once."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from ostler.faces.gateway import choice, form
from ostler.faces.gateway.allowance import Entered
from ostler.faces.gateway.answer import Answer
from ostler.faces.gateway.body import renamed
from ostler.faces.gateway.decision import broken, ending, no_control
from ostler.faces.gateway.messages import Ended
from ostler.faces.gateway.request import Request, head_for
from ostler.faces.gateway.response import switched

if TYPE_CHECKING:
    from ostler.faces.gateway.client_side import Client
    from ostler.faces.gateway.pool import Pool
    from ostler.faces.gateway.relay import Relay
    from ostler.faces.gateway.upstream import Upstream

CLIENT_LEFT = 499  # as nginx writes it: the caller was gone before the answer was whole


class Exchange(Answer):
    """Owns one request's life.

    It ends in `finish`, once: whoever could call again has let go of the exchange by then. The
    caller's side and the backend's forget it before they report, the timer and the connect are
    cancelled when the caller leaves.
    """

    spelt: str | None = None  # the model's name as the body has it
    timer: asyncio.TimerHandle | None = None  # while it waits for its model
    parked = -1  # where it is counted while it waits
    entered: Entered | None = None  # where it is counted against limits; None: not let in yet
    others: tuple[str, ...] = ()  # models that serve the name asked for as well
    _tried: tuple[Pool, ...] = ()  # backends that could not be reached, or were too busy
    _dialling: asyncio.Task[None] | None = None

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
        if not pool.backend.names_tool and choice.MARK in body:
            body = choice.one_of(body)
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

    def leave(self) -> None:
        """The caller is gone: let go of everything at once."""
        self._relay.waiting.leave(self)
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
