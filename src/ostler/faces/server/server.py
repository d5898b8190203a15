"""The running server: keeper, catalogue, control API and gateway, from their start to their end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence

from fastapi import FastAPI

from ostler import wiring
from ostler.errors import HubUnreachable, UsageError
from ostler.faces.api.app import control_app
from ostler.faces.dashboard.mount import Dashboard, hang
from ostler.faces.gateway.messages import Key
from ostler.faces.listening import is_loopback
from ostler.faces.server.address import Found, announce, tls_of
from ostler.faces.server.books import Books
from ostler.faces.server.control import Control, socket_path
from ostler.faces.server.desk import Desk
from ostler.faces.server.directory import Directory
from ostler.faces.server.dispatch import Dispatch, warn
from ostler.faces.server.downloads import Downloads, environment
from ostler.faces.server.entrance import Entrance
from ostler.faces.server.hands import ServerHands
from ostler.faces.server.heartbeat import Heartbeat
from ostler.faces.server.keys import hashed
from ostler.faces.server.operator import Operator
from ostler.faces.server.traces import Traces
from ostler.faces.server.watch import Watch
from ostler.records.records import Records

LOOK_EVERY = 1.0  # seconds between looks at the store for models that others pulled


class Server:
    """Serves until it is told to stop."""

    def __init__(
        self,
        hands: ServerHands,
        entrance: Entrance,
        read_keys: Callable[[], Sequence[Key]],
        key: str,
        records: Records,
        traces: Traces | None = None,
    ) -> None:
        """`read_keys` gives those of file and environment, `key` is what our own commands show."""
        self._hands, self._catalogue, self._home = hands, hands.catalogue, hands.settings.home
        host, port = entrance.listening.getsockname()[:2]
        self.found = Found(
            host, port, os.getpid(), key, str(entrance.tls[0]) if entrance.tls else ""
        )
        closed, owner = not is_loopback(host), hashed("owner", key)
        self._read_keys = read_keys
        self._books = Books(records, read_keys(), owner, closed, self._republish, warn)
        self._books.traces = traces
        directory = Directory(hands)
        self._dispatch = Dispatch(hands, directory, self._books, entrance)
        self._operator = Operator(hands, self._dispatch.keeper)
        self._downloads = Downloads(
            self._home, lambda: self._catalogue.names, self._catalogue.task, environment(),
            self._look_now,
        )  # fmt: skip
        self._watch = Watch(wiring.devices, warn)
        self._heartbeat = Heartbeat(self._dispatch.keeper, wiring.reading().worked, warn)
        self._books.devices = lambda: self._watch.devices
        self._desk = Desk(
            hands, directory, self._dispatch, self._operator, self._books, self._downloads,
            self.found, self.shut_down, self._watch, self._look_now,
        )  # fmt: skip
        hands.fetch = self._fetch
        hands.learn(self._books.known, self._books.ledger.measured)
        self._stopping = asyncio.Event()
        self._limits = entrance.limits
        self._dashboard: Dashboard | None = None

    async def run(self, on_ready: Callable[[Found], None]) -> None:
        """Serve; return when `shut_down` or a signal has ended it and nothing is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.shut_down)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        with socket_path(self._home) as path:
            self._dispatch.control_socket = path
            app = control_app(self._desk)
            if self._hands.settings.dashboard:
                self._dashboard = self._hang(app)
            control = Control(app, path)
            tasks = [
                asyncio.create_task(control.serve(), name="control API"),
                asyncio.create_task(self._dispatch.link.run(), name="gateway"),
                asyncio.create_task(self._look(), name="catalogue"),
                asyncio.create_task(self._dispatch.keeper.tick(), name="clock"),
                asyncio.create_task(self._books.ledger.run(), name="records"),
                asyncio.create_task(self._watch.run(), name="devices"),
                asyncio.create_task(self._heartbeat.run(), name="heartbeat"),
            ]
            stop = asyncio.create_task(self._stopping.wait())
            up = asyncio.create_task(self._up(control, on_ready))
            await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
            await self._down(control, tasks)

    def _hang(self, app: FastAPI) -> Dashboard:
        """Put the dashboard on the control app; it asks the gateway as every other caller does."""
        return hang(app, self._books, self.found.dashboard, tls_of(self.found), self._limits)

    async def _up(self, control: Control, on_ready: Callable[[Found], None]) -> None:
        await self._catalogue.refresh()
        for fault in self._catalogue.faults:
            warn(fault)
        await self._books.ledger.reload()
        self._operator.read()
        for note, process, fitting in await self._hands.left():
            self._dispatch.keeper.adopt(note.unit, process, note.devices, fitting)
        self._operator.tell()
        self._dispatch.changed()
        await self._dispatch.link.ready.wait()
        await control.up.wait()
        announce(self._home / "run" / "serve.json", self.found)
        on_ready(self.found)

    async def _down(self, control: Control, tasks: Sequence[asyncio.Task[None]]) -> None:
        (self._home / "run" / "serve.json").unlink(missing_ok=True)
        self._books.ledger.hush()
        self._desk.logs.close()
        if self._dashboard is not None:
            await self._dashboard.close()
        self._dispatch.link.close()
        await asyncio.wait({tasks[1]})
        await self._dispatch.keeper.close()
        await self._downloads.close()
        await self._desk.stock.works.close()
        control.should_exit = True
        for task in tasks[2:]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self._books.ledger.close()
        if self._books.traces is not None:
            await asyncio.to_thread(self._books.traces.close)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def shut_down(self) -> None:
        """End the server when its answers are whole; asked again, at once.

        `run` returns when all of it has gone.
        """
        if self._stopping.is_set():
            self._dispatch.link.kill()
        self._stopping.set()

    def _reload(self) -> None:
        """Read again what files say: keys, wishes, certificates; open the access log anew."""
        try:
            self._books.fix(self._read_keys())
        except UsageError as error:
            warn(f"{error.what} The keys from before stay in force.")
        self._operator.look()
        self._republish()
        self._dispatch.link.reload()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._books.looked()
            await self._look_now()

    async def _look_now(self) -> None:
        before = self._catalogue.faults
        changed = await self._catalogue.refresh()
        for fault in self._catalogue.faults:
            if fault not in before:
                warn(fault)
        if self._operator.look() or changed:
            self._republish()

    def _republish(self) -> None:
        self._dispatch.changed()

    async def _fetch(self, model: str) -> None:
        """Have a model downloaded, and wait for it. Raises what the download failed with."""
        while not self._catalogue.has(model):
            asked = await self._downloads.want(model, "transformer", None, "keeper")
            if asked.status == "failed":
                raise HubUnreachable(f"{model} could not be fetched: {asked.prev_download_error}")
            await asyncio.sleep(LOOK_EVERY)
            await self._catalogue.refresh()
