"""The worker's state, and which way each request goes."""

from __future__ import annotations

import asyncio
from asyncio import Transport
from collections.abc import Callable
from functools import partial
from time import time

from ostler.core.affinity import PREFIX
from ostler.faces.gateway.allowance import Allowances
from ostler.faces.gateway.client_side import Client
from ostler.faces.gateway.context import context_of, too_long
from ostler.faces.gateway.counts import Counts
from ostler.faces.gateway.decision import (
    Asked,
    decide,
    members_for,
    unknown_model,
)
from ostler.faces.gateway.exchange import Exchange
from ostler.faces.gateway.journal import Journal
from ostler.faces.gateway.known import Known
from ostler.faces.gateway.lanes import Lanes, Usual
from ostler.faces.gateway.messages import (
    Ended,
    Limits,
    Model,
    Table,
    ToGateway,
    ToKeeper,
    Took,
)
from ostler.faces.gateway.pool import ControlPool, Pool
from ostler.faces.gateway.replicas import Replicas
from ostler.faces.gateway.request import Refusal
from ostler.faces.gateway.routing import By, Routes, is_ready
from ostler.faces.gateway.tunnel import Tunnels
from ostler.faces.gateway.upstream import SWITCHED
from ostler.faces.gateway.waiting import Waiting

DUE_SECONDS = 0.1  # ended requests are told and written together; shares of limits are given back
BUSY = 429  # another model behind the same name may have room
SWEEPS_PER_QUIET = 8  # so nobody stays longer than an eighth over the limit


class Relay:
    """Gives each request to a backend, to the control API, or to its model's waiting line."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tell: Callable[[ToKeeper], None],
        tell_ended: Callable[[bytes], None],
        counts: Counts | None = None,
        *,
        over_tls: bool = False,
    ) -> None:
        counts = counts or Counts()
        self.loop = loop
        self.journal = Journal(tell_ended)
        self.allowances = Allowances(counts)
        self._tunnels = Tunnels(counts, self._note, loop.time)
        self._over_tls = over_tls
        self.due = False  # something is to be written down soon
        self.clients: set[Client] = set()
        self.heads: Known[Usual] = Known()  # of callers, as the present table judges them
        self.lanes = Lanes(self)
        self.draining = False
        self.deserted = asyncio.Event()  # set once it drains and no caller is left
        self.routes = Routes(Table(control_socket=""))
        self.limits: Limits = self.routes.limits
        self.tell = tell
        self._control = ControlPool("")
        self.replicas = Replicas(loop.time, tell)
        self.waiting = Waiting(self)

    # --- requests -----------------------------------------------------------------------

    def start(self, exchange: Exchange) -> None:
        """Begin to serve a request whose head was admitted and whose body is whole."""
        way = exchange.request.way
        assert way is not None
        if way.by is By.NOTHING:
            if exchange.request.is_question:
                exchange.permit()
            else:
                exchange.request.over_tls = self._over_tls
                exchange.send(self._control)
            return
        asked = decide(self.routes, way, exchange.body, exchange.request.kind)
        if isinstance(asked, Asked):
            self._serve(exchange, asked)
        else:
            exchange.refuse(asked)

    def _serve(self, exchange: Exchange, asked: Asked) -> None:
        id, exchange.spelt = asked
        model = self.routes.models[id]
        if model.members:
            chosen = self._member(exchange, id, model)
            if isinstance(chosen, Refusal):
                exchange.refuse(chosen)
                return
            id, model = chosen, self.routes.models[chosen]
        exchange.model = id
        if exchange.entered is None:  # else it has waited, and was let in when it came
            self.be_due()
            entered = self.allowances.admit(exchange.request.caller, id, model, time())
            if isinstance(entered, Refusal):
                exchange.refuse(entered)
                return
            exchange.entered = entered
        if is_ready(model):
            wrong = self._too_long(exchange, id, model)
            if wrong is not None:
                exchange.refuse(wrong)
                return
            exchange.send(self.replicas.choose(exchange.body, model))
            if exchange.request.usual is not None:
                self._learn(exchange, asked.id, model)
        else:
            self.waiting.park(exchange, model)

    def _learn(self, exchange: Exchange, asked: str, model: Model) -> None:
        """Let requests like this one go the short way, where nothing has to be weighed for each."""
        if exchange.model == asked and (len(model.backends) == 1 or model.choice != PREFIX):
            self.lanes.learn(exchange, self.replicas.of(model))

    def _member(self, exchange: Exchange, name: str, model: Model) -> Refusal | str:
        """Choose among the models behind a name, and count the request in where it goes."""
        if exchange.entered is not None and exchange.model in self.routes.models:
            return exchange.model  # it was chosen before the request waited for it
        caller = exchange.request.caller
        role = caller.role if caller else self.limits.default_role
        refused: Refusal | None = None
        self.be_due()
        exchange.others = members_for(self.routes, model, exchange.body, role)
        for id in exchange.others:
            member = self.routes.models[id]
            if refused is not None and not is_ready(member):
                continue  # nothing is loaded because something else is busy, or too short
            wrong = self._too_long(exchange, id, member)
            if wrong is not None:
                refused = refused or wrong
                continue
            entered = self.allowances.admit(caller, id, member, time(), through=(name, model))
            if not isinstance(entered, Refusal):
                exchange.entered = entered
                return id
            refused = refused or entered
            if entered.status != BUSY:
                break
        return refused or unknown_model(self.routes, name)

    def _too_long(self, exchange: Exchange, id: str, model: Model) -> Refusal | None:
        way = exchange.request.way
        context = context_of(model, way.target) if way is not None else None
        if way is None or context is None:
            return None
        return too_long(id, context, way.target, exchange.body)

    def another(self, exchange: Exchange, tried: tuple[Pool, ...]) -> Pool | None:
        """Return where else a request can go, None where all have been tried.

        That is another replica of its model, or a ready model behind the name it asked for.
        """
        for id in (exchange.model, *exchange.others):
            model = self.routes.models.get(id)
            if model is None or not is_ready(model):
                continue
            left = [pool for pool in self.replicas.of(model) if pool not in tried]
            if left and self._moved(exchange, id, model):
                return self.replicas.best(left, exchange.body, model)
        return None

    def _moved(self, exchange: Exchange, id: str, model: Model) -> bool:
        """Count a request where it goes now; say whether that model has room for one more."""
        if id == exchange.model or exchange.entered is None:
            return True
        moved = exchange.entered, exchange.model, id, model
        entered = self.allowances.move(*moved, time())
        if entered is None:
            return False
        exchange.model, exchange.entered = id, entered
        return True

    def ended(self, exchange: Exchange, status: int, tokens: tuple[int | None, int | None]) -> None:
        """Count a request out, wherever it is counted."""
        if exchange.entered is not None:
            used = (tokens[0] or 0) + (tokens[1] or 0)
            self.allowances.end(exchange.entered, exchange.request.caller, used)
        self._note(exchange.ended(status, tokens, self.journal.epoch))

    def tunnel(self, exchange: Exchange, near: Transport, far: Transport) -> None:
        """Let a caller's connection and one to the control API talk to each other."""
        ended = partial(exchange.ended, SWITCHED, (None, None), self.journal.epoch)
        self._tunnels.open(near, far, ended)

    def _note(self, ended: Ended) -> None:
        self.journal.note(ended)
        self.be_due()

    def be_due(self) -> None:
        """Have what is noted written down soon."""
        if not self.due:
            self.due = True
            self.loop.call_later(DUE_SECONDS, self._write_down)

    def _write_down(self) -> None:
        self.due = False
        self.allowances.settle(time())
        self.journal.write()

    def close(self) -> None:
        """Write down what is not yet."""
        self._write_down()
        self.journal.log.close()

    # --- the keeper's words -------------------------------------------------------------

    def hear(self, message: ToGateway) -> None:
        """Take what the keeper says."""
        if isinstance(message, Table):
            self._take(message)
        else:
            self.waiting.refuse(message)

    def _take(self, table: Table) -> None:
        before, self.routes = self.routes, Routes(table)
        self.heads.clear()
        self.allowances.take(table, time())
        if table.limits.access_log != self.limits.access_log:
            self.journal.log.open(table.limits.access_log)
        self.limits = table.limits
        if table.control_socket != self._control.path:
            self._control.close()
            self._control = ControlPool(table.control_socket)
        self.replicas.renew(table)
        self.waiting.look(before, self.routes)
        if table.serial:
            self.tell(Took(table.serial))

    # --- the end ------------------------------------------------------------------------

    def forget(self, client: Client) -> None:
        """A caller's connection is gone."""
        self.clients.discard(client)
        if self.draining and not self.clients:
            self.deserted.set()

    def drain(self) -> None:
        """Take nothing new: refuse who waits, let go of who is idle, let the others finish."""
        self.draining = True
        self.waiting.end()
        for client in list(self.clients):
            client.settle()
            if client.exchange is None:
                client.transport.close()
            elif client.exchange.is_page_waiting:
                client.exchange.end()
        self._tunnels.close()
        if not self.clients:
            self.deserted.set()

    def sweep(self) -> None:
        """Let go of callers that get nowhere and of engines that hang; come back in a while."""
        quiet, now = self.limits.quiet_seconds, self.loop.time()
        pause = quiet / SWEEPS_PER_QUIET
        for client in list(self.clients):
            client.settle()
            if client.moved:
                client.moved, client.since = False, now
            if client.exchange is not None:
                client.exchange.wait(pause, self.limits.engine_seconds)
            if client.is_waited_for and now - client.since > quiet:
                client.transport.abort()
        self._tunnels.look(quiet)
        self.loop.call_later(pause, self.sweep)
