"""What the server does to this machine: reads models, starts engines, says why they died."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ostler import wiring
from ostler.core.diagnosis import named as with_name
from ostler.core.diagnosis import unknown
from ostler.core.fleet import REPLICA, Failure
from ostler.core.fleet.loading import Speed
from ostler.core.naming import Named
from ostler.core.placing import room
from ostler.core.sleeping import WAKES
from ostler.errors import OstlerError, PortInUse
from ostler.faces.server.catalogue import Catalogue
from ostler.faces.server.means import Means, adopts
from ostler.faces.server.notes import Note
from ostler.faces.server.sizing import Known, Sizing, fitting
from ostler.faces.server.wishes import ModelWish, WishesFile
from ostler.launchers.ports import free_port, of_home, turned
from ostler.nouns import LaunchSpec, Measurement, Workload
from ostler.ports import Process
from ostler.settings import Settings
from ostler.verbs import sleeping
from ostler.verbs.hold import HOST
from ostler.verbs.keep import Fitting
from ostler.verbs.learning import measure
from ostler.verbs.prepare import Prepared
from ostler.verbs.start import size_of, start, tail

TRIES = 3  # ports, for one start
Learned = Callable[[Sequence[Measurement]], None]


class ServerHands:
    """The keeper's hands on this machine."""

    def __init__(self, settings: Settings, workload: Workload) -> None:
        self.settings = settings
        self.machine = wiring.machine(settings)
        self.room = {one.id: room(one) for one in self.machine.hardware.devices}
        self.speeds = dict.fromkeys(self.room, Speed())
        self.wishes = WishesFile()
        self._workload = workload
        self._store = wiring.store(settings)
        self._means = Means(settings)
        self._ports = of_home(settings.engine_ports, settings.home)
        self._taken: set[int] = set()  # given to engines that may not listen yet
        self._engines = {engine.name: engine for engine in self.machine.engines}
        self._sizing = Sizing(self._store)
        self._wakes = WAKES  # bytes a second of an engine that wakes, as measured last
        self.catalogue = Catalogue(self._store)
        self.fetch: Callable[[str], Awaitable[None]] = self.catalogue.missing
        self._learned: Learned = lambda measured: None
        self._reading = wiring.reading()
        self._learning: set[asyncio.Task[None]] = set()

    def learn(self, known: Known, learned: Learned) -> None:
        """Use what is known of earlier starts, and tell what each start takes."""
        self.machine = replace(self.machine, measured=self._sizing.with_fresh(known))
        self._learned = learned

    async def size(self, unit: str, less: bool) -> Fitting:
        """Say what the model needs and where it could go. Raises OstlerError."""
        model = unit.partition(REPLICA)[0]
        wish = self.wish(model)
        kept = wish.of or model
        if kept in self.wishes.promised() and not self.catalogue.has(kept):
            await self.fetch(kept)
        named, load = self.named(model), self.load(wish)
        machine = self._means.seen(self.machine, self.wishes, wish)
        ready = await self._sizing.prepared(named, machine, load, wish)
        if less:
            half = replace(load, context=max(ready.estimate.context // 2, 1))
            ready = await self._sizing.prepared(named, machine, half, wish)
        return fitting(ready, machine, self.speeds, self._wakes)

    def named(self, model: str) -> Named:
        """Return the kept model that is served under this name. Raises UnknownModel."""
        return self.catalogue.get(self.wish(model).of or model)

    def wish(self, model: str) -> ModelWish:
        """Return what is wished for a model, under whichever of its names."""
        if not self.catalogue.has(model):
            return self.wishes.of(model)
        named = self.catalogue.get(model)
        names = (named.id, *named.aliases)
        return next((self.wishes.models[n] for n in names if n in self.wishes.models), ModelWish())

    def load(self, wish: ModelWish) -> Workload:
        """Return what a model is asked to carry: as it is wished, else as the server was told."""
        ours = self._workload
        return replace(
            ours,
            context=wish.context or ours.context,
            for_all=not wish.context,
            sequences=wish.sequences or ours.sequences,
            kv_dtype=wish.kv_dtype or ours.kv_dtype,
            sleeps=wish.sleep,
            flags=tuple(wish.flags.items()),
        )

    async def start(self, unit: str, fitting: Fitting, devices: Sequence[str]) -> Process:
        """Start the unit's engine on these devices. Raises OstlerError."""
        ready = fitting.prepared
        assert ready is not None
        log = str(wiring.log_path(self.settings, unit))
        mark = size_of(log)
        began = asyncio.get_running_loop().time()
        process = await self._started(unit, ready, devices, log)
        took = asyncio.get_running_loop().time() - began
        size = ready.served.facts.weight_bytes
        for device in devices:
            self.speeds[device] = self.speeds[device].learn(size // len(devices), took)
        self._learn_later(unit, ready, process.pid, log, mark)
        if adopts(self.wishes):
            self._means.note(unit, process, tuple(devices))
        return process

    async def _started(
        self, unit: str, ready: Prepared, devices: Sequence[str], log: str
    ) -> Process:
        """Start it on a free port; on another one where somebody was quicker to take it."""
        wish = self.wish(unit.partition(REPLICA)[0])
        launcher = self._means.launcher(self.machine, self.wishes, wish)
        lost: set[int] = set()
        while True:
            port = free_port(HOST, self._ports, self._taken | lost)
            self._taken.add(port)
            self._ports = turned(self._ports, port)
            spec = self._spec(unit, ready.launch(launcher.listens, port), ready, devices)
            try:
                return await start(spec, launcher, log, engine=ready.engine)
            except PortInUse:
                lost.add(port)
                if len(lost) == TRIES:
                    raise
            finally:
                self._taken.discard(port)

    async def left(self) -> list[tuple[Note, Process, Fitting]]:
        """Return the engines that an earlier server left; end those that are not to be kept."""
        found = []
        for note in self._means.noted():
            kept = await self._left(note)
            if kept:
                found.append((note, *kept))
            else:
                self._means.forget(note.unit)
        in_containers = [note.container for note, _, _ in found if note.container]
        await self._means.sweep(self.wishes, in_containers)
        return found

    async def _left(self, note: Note) -> tuple[Process, Fitting] | None:
        try:
            fitting = await self.size(note.unit, less=False)
        except OstlerError:
            return None
        assert fitting.prepared is not None
        ready = fitting.prepared
        spec = self._spec(note.unit, ready.launch(HOST, note.port), ready, note.devices)
        process = await self._means.found(note, spec, self.wishes)
        return (process, fitting) if process else None

    def _learn_later(self, unit: str, ready: Prepared, pid: int, log: str, mark: int) -> None:
        """Read what the model takes, beside its first requests: they do not wait for that."""
        model = unit.partition(REPLICA)[0]
        named = self.named(model)
        load = replace(self.load(self.wish(model)), tensor_parallel=ready.ranks)

        async def learn() -> None:
            found = await asyncio.to_thread(
                measure, named, ready, load, pid, log, mark, self._reading
            )
            self._sizing.learned(found)
            self._learned(found)

        task = asyncio.create_task(learn(), name=f"measuring {unit}")
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    def _spec(
        self, unit: str, spec: LaunchSpec, ready: Prepared, devices: Sequence[str]
    ) -> LaunchSpec:
        """The process to be, on these devices alone, with the time that its bytes need here."""
        size = ready.served.facts.weight_bytes // len(devices)
        wished = self.wish(unit.partition(REPLICA)[0]).deadline
        deadline = wished or max(self.speeds[d].deadline(size, spec.deadline) for d in devices)
        return replace(spec, devices=tuple(devices), deadline=deadline)

    async def sleep(self, unit: str, process: Process) -> None:
        """Have an engine give its memory back. Raises OstlerError."""
        await sleeping.fall_asleep(process.spec)

    async def wake(self, unit: str, process: Process) -> None:
        """Have it take its memory again. Raises OstlerError."""
        clock = asyncio.get_running_loop().time
        began = clock()
        await sleeping.wake_up(process.spec)
        self._wakes = process.spec.model.facts.weight_bytes / max(clock() - began, 0.01)

    def obituary(self, process: Process, code: int) -> Failure:
        """Say why a running engine died, from its own log."""
        spec = process.spec
        log = tail(process.log_path, 0)
        found = self._engines[spec.engine].diagnose(log, code) or unknown(log, code)
        meant = with_name(found, spec.model.id)
        what = f"{spec.engine} died while it served {spec.model.id}. {meant.what}"
        return Failure(what, meant.cause, hint=meant.advice)

    def ended(self, unit: str) -> None:
        """Forget an engine that is gone."""
        self._means.forget(unit)
