"""Keep models running: the hands of the fleet's decisions.

`Keeper.tell` takes one event, lets `core.fleet.step` decide, and carries the actions out.
One coroutine is one engine's life; it reports that life's end exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ostler.core import fleet as f
from ostler.errors import OstlerError
from ostler.ports import Process
from ostler.verbs.prepare import Prepared

T = TypeVar("T")
BUG = f.Failure("Ostler has a bug; the server's own words say more.")
SOON = 2.0  # seconds that an engine of no use is given to end
TICK = 0.5  # seconds; TTLs, back-offs and hours are kept to this precision


@dataclass(frozen=True, slots=True)
class Fitting:
    """A unit that only lacks a place: what it needs, where it could go, how long it would load."""

    engine: str
    needs: int  # bytes on each of its devices, margin included
    context: int
    devices: tuple[str, ...]  # best first
    reload_seconds: float
    prepared: Prepared | None = None  # None: it was found running
    spread: int = 1  # devices that it takes at once
    nap: f.Nap | None = None  # None: its engine cannot sleep


class Hands(Protocol):
    """What the keeper can do on this machine."""

    async def size(self, unit: str, less: bool) -> Fitting:
        """Fetch the model if need be, and say what it needs. Raises OstlerError."""
        ...

    async def start(self, unit: str, fitting: Fitting, devices: Sequence[str]) -> Process:
        """Start its engine; return when it has answered. Raises OstlerError."""
        ...

    async def sleep(self, unit: str, process: Process) -> None:
        """Have an engine give its memory back; return when it has. Raises OstlerError."""
        ...

    async def wake(self, unit: str, process: Process) -> None:
        """Have it take its memory again; return when it can answer. Raises OstlerError."""
        ...

    def obituary(self, process: Process, code: int) -> f.Failure:
        """Return why an engine died, from its own log."""
        ...

    def ended(self, unit: str) -> None:
        """An engine is gone; forget what was noted of it."""
        ...


class Ears(Protocol):
    """Who is told of what the keeper decides."""

    def changed(self, withdrawn: Sequence[str]) -> None:
        """Units changed their state; those withdrawn must get no new requests."""
        ...

    def refused(self, refusal: f.Refuse) -> None:
        """All callers of a model are refused."""
        ...

    def warned(self, warning: f.Warn) -> None:
        """The operator should know."""
        ...


@dataclass(slots=True)
class Life:
    """What the keeper holds of one unit that is coming up or running."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    placed: asyncio.Event = field(default_factory=asyncio.Event)
    devices: tuple[str, ...] = ()
    task: asyncio.Task[None] | None = None
    turning: asyncio.Task[None] | None = None  # over, to sleep or awake
    of_no_use: f.Failure | None = None  # why it failed though its process runs
    fitting: Fitting | None = None
    process: Process | None = None
    began: float | None = None  # when its engine was started
    ready_seconds: float | None = None  # from there to its first answer


class Keeper:
    """Holds the fleet and does what `step` decides."""

    def __init__(
        self,
        room: Mapping[str, int],
        hands: Hands,
        ears: Ears,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fleet = f.fleet_of(room)
        self.lives: dict[str, Life] = {}
        self._hands, self._ears, self._clock = hands, ears, clock

    # --- what happens ---------------------------------------------------------------------

    def tell(self, event: f.Event) -> None:
        """Take one event and carry out what follows from it."""
        before = self.fleet.edition
        self.fleet, actions = f.step(self.fleet, event)
        withdrawn = [action.unit for action in actions if isinstance(action, f.Withdraw)]
        for action in actions:
            self._carry_out(action)
        if self.fleet.edition != before:
            self._let_go()
            self._ears.changed(withdrawn)

    def ask(self, model: str, preempts: bool = True) -> None:
        """Somebody needs this model."""
        self.tell(f.Asked(model, self._clock(), preempts))

    def load(self, model: str, lease: float | None = None) -> None:
        """The operator wants this model loaded, now; with a lease, for so many seconds."""
        self.tell(f.Asked(model, self._clock(), lease=lease, insists=True))

    def stop(self, model: str, force: bool = False) -> None:
        """The operator wants this model stopped."""
        self.tell(f.StopAsked(model, self._clock(), force))

    def traffic(self, unit: str, busy: bool, keep: bool = False) -> None:
        """The gateway says that a unit turned busy, or that callers `keep` it, or idle."""
        at = self._clock()
        self.tell(f.Busy(unit, at, keep) if busy else f.Idle(unit, at))

    def broken(self, unit: str) -> None:
        """The gateway says that a unit broke a connection off."""
        self.tell(f.Broken(unit, self._clock()))

    def give_up(self, unit: str, why: str, cause: str) -> None:
        """A ready engine is of no use any more though its process runs: end it, and say why."""
        if (life := self.lives.get(unit)) and self.fleet.unit(unit).state is f.State.READY:
            life.of_no_use = f.Failure(why, cause)
            life.stop.set()

    def withdrawn(self, unit: str) -> None:
        """No gateway sends the unit requests any more."""
        self.tell(f.Withdrawn(unit, self._clock()))

    def wish(self, wishes: f.Wishes, berths: Mapping[str, f.Berth]) -> None:
        """The operator wishes something else, or the hour does."""
        self.tell(f.Wished(self._clock(), wishes, berths))

    def adopt(self, unit: str, process: Process, on: tuple[str, ...], fitting: Fitting) -> None:
        """Take over an engine that an earlier keeper started on these devices."""
        life = self.lives[unit] = Life(devices=on, fitting=fitting, process=process)
        at, devices, reload = self._clock(), fitting.devices, fitting.reload_seconds
        life.task = asyncio.create_task(self._live(unit, life), name=f"life of {unit}")
        self.tell(f.Adopted(unit, at, on, fitting.needs, devices, reload, fitting.nap))

    async def tick(self) -> None:
        """Let time pass, for ever."""
        while True:
            await asyncio.sleep(TICK)
            self.tell(f.Tick(self._clock()))

    async def close(self) -> None:
        """Stop every engine; nothing of them stays behind."""
        tasks = [life.task for life in self.lives.values() if life.task]
        for life in self.lives.values():
            life.stop.set()
        if tasks:
            await asyncio.wait(tasks)

    # --- what is done ---------------------------------------------------------------------

    def _carry_out(self, action: f.Action) -> None:
        match action:
            case f.Size(unit, less):
                life = self.lives[unit] = Life()
                life.task = asyncio.create_task(
                    self._live(unit, life, less), name=f"life of {unit}"
                )
            case f.Start(unit, devices):
                self.lives[unit].devices = devices
                self.lives[unit].placed.set()
            case f.Sleep(unit):
                self._turn(unit, self._fall_asleep)
            case f.Wake(unit):
                self._turn(unit, self._wake_up)
            case f.Stop(unit):
                self.lives[unit].stop.set()
            case f.Refuse():
                self._ears.refused(action)
            case f.Warn():
                self._ears.warned(action)
            case f.Withdraw():
                pass  # told with the change of state, which takes it out of the routes

    def _let_go(self) -> None:
        """A unit that was refused has nothing more to wait for."""
        for unit, life in self.lives.items():
            if self.fleet.unit(unit).state not in f.ALIVE:
                life.stop.set()

    def _turn(self, unit: str, how: Callable[[str, Life], Coroutine[Any, Any, None]]) -> None:
        life = self.lives[unit]
        life.turning = asyncio.create_task(how(unit, life), name=f"turning over of {unit}")

    async def _fall_asleep(self, unit: str, life: Life) -> None:
        assert life.process is not None
        try:
            await self._hands.sleep(unit, life.process)
        except OstlerError:  # then it makes room by ending
            life.stop.set()
        else:
            self.tell(f.Slept(unit, self._clock()))

    async def _wake_up(self, unit: str, life: Life) -> None:
        assert life.process is not None
        life.began = self._clock()
        try:
            await self._hands.wake(unit, life.process)
        except OstlerError as error:
            life.of_no_use = failure_of(error)
            life.stop.set()
        else:
            life.ready_seconds = self._clock() - life.began
            self.tell(f.Ready(unit, self._clock()))

    async def _live(self, unit: str, life: Life, less: bool = False) -> None:
        """One engine's life, from the question what it needs to its end."""
        died: f.Failure | None = BUG
        try:
            died = await self._rise_and_run(unit, life, less)
        except OstlerError as error:
            died = failure_of(error)
        finally:
            if self.lives.get(unit) is life:
                del self.lives[unit]
            if life.turning is not None:
                life.turning.cancel()
            at = self._clock()
            self._hands.ended(unit)
            self.tell(f.Failed(unit, at, died) if died else f.Ended(unit, at))

    async def _rise_and_run(self, unit: str, life: Life, less: bool) -> f.Failure | None:
        """Return why the engine failed, or None where it ended because we asked."""
        if life.process is None and not await self._rise(unit, life, less):
            return None
        assert life.process is not None
        code = await _unless(life.stop, life.process.wait())
        if code is None:
            # One that is of no use obeys nobody.
            await (life.process.stop(SOON) if life.of_no_use else life.process.stop())
            return life.of_no_use
        return self._hands.obituary(life.process, code)

    async def _rise(self, unit: str, life: Life, less: bool) -> bool:
        """Size the unit, wait for its place, start its engine; False where it was stopped."""
        life.fitting = fitting = await _unless(life.stop, self._hands.size(unit, less))
        if fitting is None:
            return False
        self.tell(
            f.Sized(
                unit, self._clock(), fitting.needs, fitting.devices, fitting.reload_seconds,
                fitting.spread, fitting.nap,
            )
        )  # fmt: skip
        if await _unless(life.stop, life.placed.wait()) is None:
            return False
        life.began = self._clock()
        starting = self._hands.start(unit, fitting, life.devices)
        life.process = await _unless(life.stop, starting)
        if life.process is None:
            return False
        life.ready_seconds = self._clock() - life.began
        self.tell(f.Ready(unit, self._clock()))
        return True


def failure_of(error: OstlerError) -> f.Failure:
    """Return a refusal as the fleet carries it."""
    return f.Failure(error.what, str(error.facts.get("cause", "")), error.code, error.hint)


async def _unless(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """Await the work, or cancel it and return None when the stop is asked for first."""
    job = asyncio.ensure_future(work)
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({job, asked}, return_when=asyncio.FIRST_COMPLETED)
        return job.result() if job.done() else None
    finally:
        asked.cancel()
        if not job.done():
            job.cancel()
            await asyncio.wait({job})
