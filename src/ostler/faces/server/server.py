"""The running server: keeper, catalogue, control API and gateway, put together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ostler import __version__
from ostler.core import fleet as f
from ostler.errors import HubUnreachable, OstlerError, from_code
from ostler.faces.api.app import control_app
from ostler.faces.api.schemas import Loaded, LoadEstimate, Model, ServerState, Wished
from ostler.faces.gateway import messages as m
from ostler.faces.listening import is_loopback
from ostler.faces.server import describing, edits
from ostler.faces.server.address import Found, announce
from ostler.faces.server.books import Books
from ostler.faces.server.downloads import Downloads, environment
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.keys import hashed
from ostler.faces.server.link import GatewayLink
from ostler.faces.server.operator import Operator
from ostler.records.records import Records
from ostler.verbs.keep import Keeper

LOOK_EVERY = 1.0  # seconds between looks at the store for models that others pulled
LONGEST_SOCKET_PATH = 100  # bytes; the system's limit is 108


class _Control(uvicorn.Server):
    """The control API's HTTP server, on a unix socket, in our own loop."""

    def __init__(self, app: FastAPI, path: str) -> None:
        super().__init__(
            uvicorn.Config(app, uds=path, log_level="warning", access_log=False, lifespan="off")
        )
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the server, which ends in its own order."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class Server:
    """Serves until it is told to stop."""

    def __init__(
        self,
        hands: ServerHands,
        listening: socket.socket,
        keys: Sequence[m.Key],
        key: str,
        records: Records,
        workers: int = 1,
        tls: tuple[Path, Path] | None = None,
        access_log: Path | None = None,
    ) -> None:
        self._hands, self._catalogue, self._home = hands, hands.catalogue, hands.settings.home
        self._keeper = Keeper(hands.room, hands, self)
        self._operator = Operator(hands, self._keeper)
        self._link = GatewayLink(listening, self._heard, workers, tls)
        self._limits = m.Limits(access_log=str(access_log.absolute()) if access_log else "")
        self.downloads = Downloads(
            self._home, lambda: self._catalogue.names, self._catalogue.task, environment()
        )
        host, port = listening.getsockname()[:2]
        self.found = Found(host, port, os.getpid(), key, str(tls[0]) if tls else "")
        self.books = Books(
            records, keys, hashed("owner", key), not is_loopback(host), self._republish, _warn
        )
        hands.fetch = self._fetch
        hands.learn(self.books.known, self.books.ledger.measured)
        self._stopping = asyncio.Event()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._leaving: list[tuple[int, str]] = []  # (table without it, unit)
        self._serial = 0  # of the last table
        self._requests: Counter[str] = Counter()
        self._began = time.monotonic()
        self._control_socket = ""

    # --- life ---------------------------------------------------------------------------

    async def run(self, on_ready: Callable[[Found], None]) -> None:
        """Serve; return when `shut_down` or a signal has ended it and nothing is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.shut_down)
        loop.add_signal_handler(signal.SIGHUP, self._link.reload)
        with _socket_folder(self._home) as folder:
            self._control_socket = str(folder / "control.sock")
            control = _Control(control_app(self), self._control_socket)
            tasks = [
                asyncio.create_task(control.serve(), name="control API"),
                asyncio.create_task(self._link.run(), name="gateway"),
                asyncio.create_task(self._look(), name="catalogue"),
                asyncio.create_task(self._keeper.tick(), name="clock"),
                asyncio.create_task(self.books.ledger.run(), name="records"),
            ]
            stop = asyncio.create_task(self._stopping.wait())
            up = asyncio.create_task(self._up(control, on_ready))
            await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            await self._down(control, tasks)

    async def _up(self, control: _Control, on_ready: Callable[[Found], None]) -> None:
        await self._catalogue.refresh()
        await self.books.ledger.reload()
        self._operator.read()
        for note, process, fitting in await self._hands.left():
            self._keeper.adopt(note.unit, process, note.device, fitting)
        self._operator.tell()
        self.changed(())
        await self._link.ready.wait()
        await control.up.wait()
        announce(self._home / "run" / "serve.json", self.found)
        on_ready(self.found)

    async def _down(self, control: _Control, tasks: Sequence[asyncio.Task[None]]) -> None:
        (self._home / "run" / "serve.json").unlink(missing_ok=True)
        self.books.ledger.hush()
        self._link.close()
        await asyncio.wait({tasks[1]})
        await self._keeper.close()
        await self.downloads.close()
        control.should_exit = True
        for task in tasks[2:]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self.books.ledger.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def shut_down(self) -> None:
        """End the server; `run` returns when all of it has gone."""
        self._stopping.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            changed = await self._catalogue.refresh()
            if self._operator.look() or changed:
                self.changed(())

    # --- what the keeper and the gateway say -----------------------------------------------

    def changed(self, withdrawn: Sequence[str]) -> None:
        """Units changed their state, or the catalogue its models: tell the gateway."""
        self.books.changed(self._keeper.fleet)
        for model in list(self._waiting):
            if f.routable(self._keeper.fleet, model):
                self._settle(model, None)
        self._serial += 1
        self._leaving += [(self._serial, unit) for unit in withdrawn]
        self._link.publish(
            m.Table(
                control_socket=self._control_socket,
                models={model: self._routed(model) for model in self._known()},
                keys=tuple(self.books.keys().values()),
                limits=self._limits,
                serial=self._serial,
            )
        )

    def _republish(self) -> None:
        self.changed(())

    def _known(self) -> list[str]:
        kept = [named.id for named in self._catalogue.names]
        return [*kept, *(n for n in self._hands.wishes.promised() if not self._catalogue.has(n))]

    def _routed(self, model: str) -> m.Model:
        kept = self._catalogue.has(model)
        task = self._catalogue.task(self._catalogue.get(model)).value if kept else "chat"
        concurrent, now = self._hands.wish(model).max_concurrent, time.monotonic()
        aliases = self._aliases(model)
        return describing.routed(self._keeper, model, task, aliases, concurrent, now)

    def _aliases(self, model: str) -> tuple[str, ...]:
        kept = self._catalogue.has(model)
        own = self._catalogue.get(model).aliases if kept else ()
        return (*own, *self._hands.wish(model).aliases)

    async def _fetch(self, model: str) -> None:
        """Have a model downloaded, and wait for it. Raises what the download failed with."""
        while not self._catalogue.has(model):
            asked = await self.downloads.want(model, "transformer", None, "keeper")
            if asked.status == "failed":
                raise HubUnreachable(f"{model} could not be fetched: {asked.prev_download_error}")
            await asyncio.sleep(LOOK_EVERY)
            await self._catalogue.refresh()

    def _took(self, serial: int) -> None:
        """The gateway routes by a table: nothing is on its way to what that one lacks."""
        gone = [unit for without, unit in self._leaving if without <= serial]
        self._leaving = [(without, unit) for without, unit in self._leaving if without > serial]
        for unit in gone:
            self._keeper.withdrawn(unit)

    def refused(self, refusal: f.Refuse) -> None:
        """All callers of a model are refused: those of the API here, the others by the gateway."""
        error = from_code(refusal.code, refusal.what, refusal.hint)
        self._settle(refusal.model, error)
        fault = m.Fault(refusal.what, refusal.code, refusal.code, refusal.hint)
        status = error.http_status if refusal.retry_after is None else 503
        self._link.refuse(m.Refuse(refusal.model, status, fault, refusal.retry_after))

    def warned(self, warning: f.Warn) -> None:
        """The operator should know; `state` shows it as long as it is so."""
        _warn(warning.what)

    def _heard(self, message: m.ToKeeper) -> None:
        match message:
            case m.Want(model, role):
                self._keeper.ask(model, self._hands.wishes.preempts(role))
            case m.Busy(backend) | m.Idle(backend):
                if unit := describing.living(self._keeper, backend):
                    self._keeper.traffic(unit, busy=isinstance(message, m.Busy))
            case m.Took(serial):
                self._took(serial)
            case m.Broken(backend=backend):
                if unit := describing.living(self._keeper, backend):
                    self._keeper.broken(unit)
            case m.Done(backend=backend):
                self._requests[describing.unit_of(backend)] += 1
                self.books.served(message)
            case m.Ready():
                pass

    def _settle(self, model: str, error: OstlerError | None) -> None:
        for future in self._waiting.pop(model, []):
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

    # --- what the control API asks ---------------------------------------------------------

    def canonical(self, name: str) -> str:
        """Return the id of the model that a name means. Raises UnknownModel."""
        for model, wish in self._hands.wishes.models.items():
            if name in wish.aliases:
                return self._operator.canonical(model)
        promised = name in self._hands.wishes.promised()
        return self._operator.canonical(name) if promised else self._catalogue.get(name).id

    def models(self) -> Sequence[Model]:
        kept = [
            describing.described(n, self._catalogue, self._keeper) for n in self._catalogue.names
        ]
        promised = [
            describing.promised(self._keeper, name, wish.aliases)
            for name, wish in self._hands.wishes.promised().items()
            if not self._catalogue.has(name)
        ]
        named = [one.model_copy(update={"aliases": list(self._aliases(one.id))}) for one in kept]
        return [*named, *promised]

    def running(self) -> Sequence[Loaded]:
        units = self._keeper.fleet.units.values()
        return [self._loaded(u.id) for u in units if u.state is not f.State.STOPPED]

    def _loaded(self, unit: str) -> Loaded:
        return describing.loaded(self._keeper, unit, self._requests, time.monotonic())

    def state(self) -> ServerState:
        fleet, now = self._keeper.fleet, time.monotonic()
        flaws = (*self._operator.flaws, *describing.unmet(fleet))
        return ServerState(
            version=__version__,
            pid=os.getpid(),
            address=self.found.address,
            home=str(self._home),
            seconds=round(now - self._began, 1),
            devices=describing.devices(self._hands, fleet),
            pools=describing.pools(fleet),
            waiting=[fleet.unit(id).model for id in fleet.waiting],
            warnings=describing.warnings(fleet, flaws, now),
        )

    async def load(self, name: str) -> Loaded:
        model = self.canonical(name)
        if not f.routable(self._keeper.fleet, model):
            future = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(model, []).append(future)
            self._keeper.ask(model)
            await future
        return self._loaded(model)

    async def unload(self, name: str, force: bool) -> Loaded:
        model = self.canonical(name)
        tasks = [
            life.task
            for id, life in self._keeper.lives.items()
            if life.task and self._keeper.fleet.unit(id).model == model
        ]
        busy = any(unit.busy for unit in self._keeper.fleet.all_units(model))
        self._keeper.stop(model, force)
        if tasks and (force or not busy):
            await asyncio.wait(tasks)
        return self._loaded(model)

    # --- the operator's wishes -------------------------------------------------------------

    def wished(self) -> Wished:
        wishes = self._hands.wishes
        return Wished(
            path=str(self._operator.path),
            preload=list(self._keeper.fleet.wishes.preload),
            wishes=wishes.model_dump(mode="json", exclude_defaults=True),
            unmet=[*self._operator.flaws, *describing.unmet(self._keeper.fleet)],
        )

    def preload(self, models: Sequence[str]) -> Wished:
        return self._change(edits.preload([self.canonical(name) for name in models]))

    def pin(self, name: str, pinned: bool) -> Wished:
        model = self.canonical(name)
        edit = edits.pin(model) if pinned else edits.unpin(model, self._operator.canonical)
        return self._change(edit)

    def wish(self, name: str, wish: dict[str, object]) -> Wished:
        return self._change(edits.wish(self.canonical(name), wish))

    def pool(self, name: str, pool: dict[str, object] | None) -> Wished:
        return self._change(edits.pool(name, pool))

    def _change(self, edit: edits.Edit) -> Wished:
        self._operator.change(edit)
        self.changed(())
        return self.wished()

    async def estimate(self, name: str) -> LoadEstimate:
        model = self.canonical(name)
        fitting = await self._hands.size(model, less=False)
        return LoadEstimate(
            id=model,
            engine=fitting.engine,
            memory_bytes=fitting.needs,
            context=fitting.context,
            devices=list(fitting.devices),
            seconds=round(fitting.reload_seconds, 1),
        )


def _warn(what: str) -> None:
    print(f"Warning: {what}", file=sys.stderr, flush=True)  # noqa: T201


@contextlib.contextmanager
def _socket_folder(home: Path) -> Iterator[Path]:
    """A folder of our own for the control socket; its path must be short."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if len(os.fsencode(folder / "control.sock")) <= LONGEST_SOCKET_PATH:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ostler-") as short:
        yield Path(short)
