"""The running server: keeper, catalogue, control API and gateway, put together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ostler import __version__
from ostler.core import fleet as f
from ostler.errors import OstlerError, from_code
from ostler.faces.api.app import control_app
from ostler.faces.api.schemas import DeviceState, Loaded, Model, ServerState
from ostler.faces.gateway import messages as m
from ostler.faces.server.address import Found, announce
from ostler.faces.server.hands import Hands
from ostler.faces.server.keys import hashed
from ostler.faces.server.link import GatewayLink

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
        self, hands: Hands, listening: socket.socket, keys: Sequence[m.Key], key: str
    ) -> None:
        self._hands, self._catalogue, self._home = hands, hands.catalogue, hands.settings.home
        self._keeper = hands.keeper(self._changed, self._refused)
        self._link = GatewayLink(listening, self._heard)
        self._keys = tuple(keys)
        host, port = listening.getsockname()[:2]
        self.found = Found(host, port, os.getpid(), key)
        self._stopping = asyncio.Event()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._requests: Counter[str] = Counter()
        self._began = time.monotonic()
        self._control_socket = ""

    # --- life ---------------------------------------------------------------------------

    async def run(self, on_ready: Callable[[Found], None]) -> None:
        """Serve; return when `shut_down` or a signal has ended it and nothing is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.shut_down)
        with _socket_folder(self._home) as folder:
            self._control_socket = str(folder / "control.sock")
            control = _Control(control_app(self), self._control_socket)
            tasks = [
                asyncio.create_task(control.serve(), name="control API"),
                asyncio.create_task(self._link.run(), name="gateway"),
                asyncio.create_task(self._look(), name="catalogue"),
            ]
            stop = asyncio.create_task(self._stopping.wait())
            up = asyncio.create_task(self._up(control, on_ready))
            await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            await self._down(control, tasks)

    async def _up(self, control: _Control, on_ready: Callable[[Found], None]) -> None:
        await self._catalogue.refresh()
        self._changed()
        await self._link.ready.wait()
        await control.up.wait()
        announce(self._home / "run" / "serve.json", self.found)
        on_ready(self.found)

    async def _down(self, control: _Control, tasks: Sequence[asyncio.Task[None]]) -> None:
        (self._home / "run" / "serve.json").unlink(missing_ok=True)
        self._link.close()
        await asyncio.wait({tasks[1]})
        await self._keeper.close()
        control.should_exit = True
        tasks[2].cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def shut_down(self) -> None:
        """End the server; `run` returns when all of it has gone."""
        self._stopping.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if await self._catalogue.refresh():
                self._changed()

    # --- what the keeper and the gateway say -----------------------------------------------

    def _changed(self) -> None:
        """A model changed its state, or the catalogue its models: tell the gateway."""
        for model in list(self._waiting):
            if self._keeper.fleet.unit(model).state is f.State.READY:
                self._settle(model, None)
        self._link.publish(
            m.Table(
                control_socket=self._control_socket,
                models={named.id: self._routed(named.id) for named in self._catalogue.names},
                keys=(*self._keys, hashed("owner", self.found.key)) if self._keys else (),
            )
        )

    def _routed(self, model: str) -> m.Model:
        named = self._catalogue.get(model)
        unit, life = self._keeper.fleet.unit(model), self._keeper.lives.get(model)
        backends: tuple[m.Backend, ...] = ()
        if unit.state is f.State.READY and life and life.process:
            spec = life.process.spec
            one = m.Backend(model, spec.host, spec.port, spec.model_name, spec.adds_done)
            backends = (one,)
        return m.Model(
            state=_GATEWAY_STATE.get(unit.state, "stopped"),
            task=self._catalogue.task(named).value,
            backends=backends,
            aliases=named.aliases,
        )

    def _refused(self, refusal: f.Refuse) -> None:
        error = from_code(refusal.code, refusal.what, refusal.hint)
        self._settle(refusal.model, error)
        fault = m.Fault(refusal.what, refusal.code, refusal.code, refusal.hint)
        status = error.http_status if refusal.retry_after is None else 503
        self._link.refuse(m.Refuse(refusal.model, status, fault, refusal.retry_after))

    def _heard(self, message: m.ToKeeper) -> None:
        match message:
            case m.Want(model):
                self._keeper.ask(model)
            case m.Busy(backend):
                self._keeper.traffic(backend, busy=True)
            case m.Idle(backend):
                self._keeper.traffic(backend, busy=False)
            case m.Done(model=model):
                self._requests[model] += 1
            case m.Ready() | m.Broken():
                pass  # the engine's own end tells more than a broken connection

    def _settle(self, model: str, error: OstlerError | None) -> None:
        for future in self._waiting.pop(model, []):
            if not future.done():
                future.set_exception(error) if error else future.set_result(None)

    # --- what the control API asks ---------------------------------------------------------

    def canonical(self, name: str) -> str:
        return self._catalogue.get(name).id

    def models(self) -> Sequence[Model]:
        return [self._described(named.id) for named in self._catalogue.names]

    def _described(self, model: str) -> Model:
        named = self._catalogue.get(model)
        facts = self._catalogue.facts(named)
        return Model(
            id=named.id,
            created=self._catalogue.created(named),
            owned_by=named.manifest.name.split("/")[0],
            state=self._keeper.fleet.unit(model).state.value,
            task=self._catalogue.task(named).value,
            aliases=list(named.aliases),
            size=facts.weight_bytes if facts else None,
            context_length=facts.context_length if facts else None,
        )

    def running(self) -> Sequence[Loaded]:
        units = self._keeper.fleet.units.values()
        return [self._loaded(u.id) for u in units if u.state is not f.State.STOPPED]

    def _loaded(self, model: str) -> Loaded:
        unit, life = self._keeper.fleet.unit(model), self._keeper.lives.get(model)
        prepared = life.prepared if life else None
        process = life.process if life else None
        return Loaded(
            id=model,
            state=unit.state.value,
            busy=unit.busy,
            engine=prepared.choice.engine if prepared else None,
            device=unit.device or None,
            memory_bytes=unit.needs or None,
            context=prepared.estimate.context if prepared else None,
            pid=process.pid if process else None,
            port=process.spec.port if process else None,
            seconds=round(time.monotonic() - unit.since, 1),
            start_seconds=life.ready_seconds if life else None,
            requests=self._requests[model],
            why=unit.why or None,
            log=process.log_path if process else None,
        )

    def state(self) -> ServerState:
        held = self._keeper.fleet.held
        return ServerState(
            version=__version__,
            pid=os.getpid(),
            address=self.found.address,
            home=str(self._home),
            seconds=round(time.monotonic() - self._began, 1),
            devices=[
                DeviceState(
                    id=device.id,
                    name=device.name,
                    room_bytes=self._hands.room[device.id],
                    held_bytes=held(device.id),
                )
                for device in self._hands.machine.hardware.devices
            ],
        )

    async def load(self, name: str) -> Loaded:
        model = self.canonical(name)
        if self._keeper.fleet.unit(model).state is not f.State.READY:
            future = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(model, []).append(future)
            self._keeper.ask(model)
            await future
        return self._loaded(model)

    async def unload(self, name: str, force: bool) -> Loaded:
        model = self.canonical(name)
        life = self._keeper.lives.get(model)
        self._keeper.stop(model, force)
        if life and life.task and not self._keeper.fleet.unit(model).busy:
            await asyncio.wait({life.task})
        return self._loaded(model)


_GATEWAY_STATE = {
    f.State.READY: "ready",
    f.State.SIZING: "loading",
    f.State.STARTING: "loading",
    f.State.FAILED: "failed",
}


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
