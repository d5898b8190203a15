"""What the server does to this machine: reads models, starts engines, says why they died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ostler import wiring
from ostler.core import fleet as f
from ostler.core.diagnosis import named as with_name
from ostler.core.diagnosis import unknown
from ostler.core.placing import room
from ostler.faces.server.catalogue import Catalogue
from ostler.launchers.ports import free_port, port_range
from ostler.nouns import Workload
from ostler.ports import Process
from ostler.settings import Settings
from ostler.verbs.hold import HOST
from ostler.verbs.keep import Keeper
from ostler.verbs.prepare import Prepared, prepare
from ostler.verbs.start import start, tail


class Hands:
    """The keeper's hands on this machine."""

    def __init__(self, settings: Settings, workload: Workload) -> None:
        self.settings = settings
        self.machine = wiring.machine(settings)
        self.room = {one.id: room(one) for one in self.machine.hardware.devices}
        self._workload = workload
        self._store = wiring.store(settings)
        self._launcher = wiring.launcher()
        self._ports = port_range(settings.engine_ports)
        self._taken: set[int] = set()  # given to engines that may not listen yet
        self._engines = {engine.name: engine for engine in self.machine.engines}
        self.catalogue = Catalogue(self._store)

    def keeper(self, changed: Callable[[], None], refused: Callable[[f.Refuse], None]) -> Keeper:
        """Return the keeper that uses these hands."""
        return Keeper(
            self.room,
            size=self._size,
            start=self._start,
            obituary=self._obituary,
            changed=changed,
            refused=refused,
        )

    async def _size(self, model: str) -> Prepared:
        named = self.catalogue.get(model)
        return await asyncio.to_thread(prepare, named, self._store, self.machine, self._workload)

    async def _start(self, prepared: Prepared) -> Process:
        port = free_port(HOST, self._ports, self._taken)
        self._taken.add(port)
        try:
            return await start(
                prepared.launch(HOST, port),
                self._launcher,
                str(wiring.log_path(self.settings, prepared.served.id)),
                engine=prepared.engine,
            )
        finally:
            self._taken.discard(port)

    def _obituary(self, process: Process, code: int) -> str:
        """Say why a running engine died, from its own log."""
        spec = process.spec
        log = tail(process.log_path, 0)
        found = self._engines[spec.engine].diagnose(log, code) or unknown(log, code)
        return f"{spec.engine} died while it served {spec.model.id}. " + (
            with_name(found, spec.model.id).what
        )
