"""The short way: a caller's usual head, a ready model, an open connection, an answer in one piece.

Most requests are of this kind, so they get no `Exchange` and no parser: what was found out about
the first of them (`Usual`, `Track`) is used again for the others. Whatever turns out otherwise, at
any moment, is handed over to an exchange, which then carries the request on (`Upstream.settle`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from time import monotonic, time
from typing import TYPE_CHECKING

from ostler.faces.gateway.body import NOT_JSON, name_in, renamed, tokens_of
from ostler.faces.gateway.choice import MARK
from ostler.faces.gateway.context import context_of, too_long
from ostler.faces.gateway.known import Spelling
from ostler.faces.gateway.messages import Ended
from ostler.faces.gateway.outbox import Outbox
from ostler.faces.gateway.request import Request, begun
from ostler.faces.gateway.response import Whole
from ostler.faces.gateway.routing import Routes

if TYPE_CHECKING:
    from ostler.faces.gateway.allowance import Entered, Share
    from ostler.faces.gateway.client_side import Client
    from ostler.faces.gateway.exchange import Exchange
    from ostler.faces.gateway.pool import Pool
    from ostler.faces.gateway.relay import Relay
    from ostler.faces.gateway.upstream import Upstream

LONGEST = 65536  # bytes of a body that is joined to its head; longer ones go the long way


class Usual:
    """A caller's head that came before, as one table judges it."""

    __slots__ = ("request", "routes", "spelling", "tracks")

    def __init__(self, spelling: Spelling, request: Request, routes: Routes) -> None:
        self.spelling = spelling
        self.request = request
        self.routes = routes
        self.tracks: dict[str | None, tuple[Track, ...]] = {}  # by the model's name in the body
        request.usual = self


class Track:
    """Where requests with one head for one model go: all that is the same for each of them."""

    __slots__ = (
        "backend",
        "context",
        "head",
        "key",
        "lanes",
        "method",
        "model",
        "names_tool",
        "path",
        "pool",
        "role",
        "seats",
        "share",
        "spelt",
        "target",
        "usual",
        "wanted",
    )

    def __init__(self, lanes: Lanes, exchange: Exchange, pool: Pool, share: Share) -> None:
        request = exchange.request
        assert request.way is not None
        assert request.usual is not None
        self.lanes = lanes
        self.usual = request.usual
        self.pool = pool
        self.names_tool = pool.backend.names_tool
        self.target = request.way.target
        self.context = context_of(lanes.relay.routes.models[exchange.model], self.target)
        self.model, self.spelt = exchange.model, exchange.spelt
        self.share = share
        self.seats: Entered = exchange.entered or ()
        wanted = pool.backend.model_name
        self.wanted = wanted if exchange.spelt is not None and exchange.spelt != wanted else ""
        head = begun(request, request.way.target, pool.host).replace(b"%", b"%%")
        self.head = head + b"content-length: %d\r\nx-request-id: %b\r\n\r\n%b"
        self.method, self.path = request.shown
        self.backend = pool.backend.id
        caller = request.caller
        self.key, self.role = (caller.name, caller.role) if caller is not None else ("", "")


class Lanes:
    """Takes requests the short way, and learns which can go it."""

    __slots__ = ("_allowances", "_id", "_journal", "_most", "_numbers", "outbox", "relay")

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._allowances = relay.allowances
        self._journal = relay.journal
        self._id = b"req-%b-%%x" % os.urandom(4).hex().encode()
        self._numbers = itertools.count(1)
        self._most = 0
        self.outbox = Outbox(relay.loop.call_soon)

    def new_id(self) -> bytes:
        """Return a request id that no other worker makes."""
        return self._id % next(self._numbers)

    def learn(self, exchange: Exchange, pools: Sequence[Pool]) -> None:
        """Remember where requests like this one go: it has been let in, to one of these pools."""
        usual = exchange.request.usual
        if usual is None or exchange.spelt in usual.tracks:
            return
        if not exchange.rescores and not exchange.request.permits:
            share = self._allowances.of_key(exchange.request.caller)
            tracks = tuple(Track(self, exchange, pool, share) for pool in pools)
            usual.tracks[exchange.spelt] = tracks
        self._most = min(LONGEST, self.relay.limits.max_body_bytes)

    def open(self, client: Client, usual: Usual, body: bytes) -> bool:
        """Send a whole request on; False where it has to go the long way, and nothing was done."""
        relay = self.relay
        if usual.routes is not relay.routes or len(body) > self._most:
            return False
        try:
            tracks = usual.tracks.get(name_in(body))
        except NOT_JSON:
            return False
        if tracks is None:
            return False
        context = tracks[0].context
        if context is not None and too_long(tracks[0].model, context, tracks[0].target, body):
            return False
        track = tracks[0] if len(tracks) == 1 else relay.replicas.least_busy(tracks)
        pool, share = track.pool, track.share
        if not track.names_tool and MARK in body:
            return False
        if not pool.idle or not (share.turns > 0 < share.left or self._is_let_in(track)):
            return False
        for one in track.seats:
            if one.seats < 1 and not self._is_let_in(track):
                return False
        share.turns -= 1
        for one in track.seats:
            one.seats -= 1
        pool.begin(track.role)
        upstream = pool.idle.pop()
        upstream.client, upstream.track = client, track
        upstream.request_id = id = self._id % next(self._numbers)
        upstream.body = body
        upstream.began = monotonic()
        client.lane, client.usual = upstream, None
        sent = renamed(body, track.wanted) if track.wanted else body
        self.outbox.put(upstream, track.head % (len(sent), id, sent))
        return True

    def _is_let_in(self, track: Track) -> bool:
        now = time()
        self.relay.be_due()
        return self._allowances.lets_in(track.share, now) and all(
            self._allowances.has_seat(one, now) for one in track.seats
        )

    def close(self, upstream: Upstream, client: Client, whole: Whole, body: bytes) -> None:
        """Pass on the whole answer, and count the request out."""
        track, id = upstream.track, upstream.request_id
        assert track is not None
        over, began = monotonic(), upstream.began
        pool, journal = track.pool, self._journal
        upstream.client = client.lane = None
        size, upstream.body = len(upstream.body), b""
        client.usual, client.moved = track.usual, True
        pool.give(upstream)
        pool.end()
        for one in track.seats:
            one.seats += 1
        prompt, completion = tokens_of(body)
        if prompt or completion:
            self._allowances.spend(track.share, (prompt or 0) + (completion or 0))
        journal.note(
            Ended(
                over + journal.epoch, track.method, track.path, track.model, track.backend,
                whole.status, over - began, over - began, size, len(body),
                prompt, completion, track.key, id.decode(),
            )
        )  # fmt: skip
        if not self.relay.due:
            self.relay.be_due()
        self.outbox.put(client, whole.form % (len(body), id, body))
