"""Between the keeper and the gateway: each is told what the other did."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence

from ostler.core import fleet as f
from ostler.errors import OstlerError, from_code
from ostler.faces.gateway import messages as m
from ostler.faces.gateway.request import type_of
from ostler.faces.server import describing
from ostler.faces.server.books import Books
from ostler.faces.server.directory import Directory
from ostler.faces.server.entrance import Entrance
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.link import GatewayLink
from ostler.verbs.keep import Keeper


class Dispatch:
    """Holds the keeper and the line to the gateway, and passes their news on."""

    def __init__(
        self, hands: ServerHands, directory: Directory, books: Books, entrance: Entrance
    ) -> None:
        self._hands, self._directory, self._books = hands, directory, books
        self._limits = entrance.limits
        self.keeper = Keeper(hands.room, hands, self)
        self.link = GatewayLink(entrance.listening, self._heard, entrance.workers, entrance.tls)
        books.parked = self.link.parked
        books.tunnels = self.link.tunnels
        self.control_socket = ""
        self.requests: Counter[str] = Counter()  # that ended, by unit
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}  # callers of the control API
        self._leaving: list[tuple[int, str]] = []  # (table without it, unit)
        self._serial = 0  # of the last table

    async def until_ready(self, model: str, lease: float | None = None) -> None:
        """Have a model loaded, and wait for it; with a lease, for so many seconds.

        Raises what it is refused with.
        """
        if f.routable(self.keeper.fleet, model):
            if lease is not None:
                self.keeper.load(model, lease)
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(model, []).append(future)
        self.keeper.load(model, lease)
        await future

    # --- what the keeper says ---------------------------------------------------------------

    def changed(self, withdrawn: Sequence[str] = ()) -> None:
        """Units changed their state, or the catalogue its models: tell the gateway."""
        self._books.changed(self.keeper.fleet)
        for model in list(self._waiting):
            if f.routable(self.keeper.fleet, model):
                self._settle(model, None)
        self._serial += 1
        self._leaving += [(self._serial, unit) for unit in withdrawn]
        self.link.publish(
            m.Table(
                control_socket=self.control_socket,
                models=self._models(),
                keys=tuple(self._books.keys().values()),
                limits=self._limits,
                serial=self._serial,
            )
        )

    def _models(self) -> dict[str, m.Model]:
        names = self._directory.names().items()
        found = {model: self._routed(model, aliases) for model, aliases in names}
        for name, wished in self._directory.routes().items():
            members = [m.Member(one.to, one.tokens, tuple(one.roles)) for one in wished]
            task = self._directory.task(wished[0].to)
            found[name] = describing.several(self.keeper, task, members)
        return found

    def _routed(self, model: str, aliases: Sequence[str]) -> m.Model:
        task = self._directory.task(model)
        wish, now = self._hands.wish(model), time.monotonic()
        return describing.routed(
            self.keeper, model, task, aliases, wish.max_concurrent, now, wish.choice
        )

    def refused(self, refusal: f.Refuse) -> None:
        """All callers of a model are refused: those of the API here, the others by the gateway."""
        error = from_code(refusal.code, refusal.what, refusal.hint)
        self._settle(refusal.model, error)
        status = status_of(error)
        fault = m.Fault(refusal.what, type_of(status), refusal.code, refusal.hint)
        self.link.refuse(m.Refuse(refusal.model, status, fault, refusal.retry_after))

    def warned(self, warning: f.Warn) -> None:
        """The operator should know; `state` shows it as long as it is so."""
        warn(warning.what)

    def _settle(self, model: str, error: OstlerError | None) -> None:
        for future in self._waiting.pop(model, []):
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

    # --- what the gateway says --------------------------------------------------------------

    def _heard(self, message: m.ToKeeper) -> None:
        match message:
            case m.Want(model, role):
                self.keeper.ask(model, self._hands.wishes.preempts(role))
            case m.Busy(backend, role):
                if unit := describing.living(self.keeper, backend):
                    role = role or self._limits.default_role
                    self.keeper.traffic(unit, busy=True, keep=self._hands.wishes.keeps(role))
            case m.Idle(backend):
                if unit := describing.living(self.keeper, backend):
                    self.keeper.traffic(unit, busy=False)
            case m.Took(serial):
                self._took(serial)
            case m.Broken(backend=backend):
                if unit := describing.living(self.keeper, backend):
                    self.keeper.broken(unit)
            case m.Done(backend=backend):
                self.requests[describing.unit_of(backend)] += 1
                self._books.served(message)
            case m.Ready():
                pass

    def _took(self, serial: int) -> None:
        """The gateway routes by a table: nothing is on its way to what that one lacks."""
        gone = [unit for without, unit in self._leaving if without <= serial]
        self._leaving = [(without, unit) for without, unit in self._leaving if without > serial]
        for unit in gone:
            self.keeper.withdrawn(unit)


def status_of(error: OstlerError) -> int:
    """The status for a model's callers: a hub's 401 would tell them that their key is wrong."""
    return 502 if error.http_status == 401 else error.http_status


def warn(what: str) -> None:
    """Tell whoever watches the server's output."""
    print(f"Warning: {what}", file=sys.stderr, flush=True)  # noqa: T201
