"""Keep models running: the hands of the fleet's decisions.

`Keeper.tell` takes one event, lets `core.fleet.step` decide, and carries the actions out.
One coroutine is one engine's life; it reports that life's end exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ostler.core import fleet as f
from ostler.errors import OstlerError
from ostler.ports import Process
from ostler.verbs.prepare import Prepared

T = TypeVar("T")

# How an engine is sized, started, and how others learn of a change or a refusal.
Sizing = Callable[[str], Awaitable[Prepared]]
Starting = Callable[[Prepared], Awaitable[Process]]
Obituary = Callable[[Process, int], str]  # exit code -> why it died, from its own log


@dataclass(slots=True)
class Life:
    """What the keeper holds of one model that is coming up or running."""

    stop: asyncio.Event
    task: asyncio.Task[None] | None = None
    prepared: Prepared | None = None
    process: Process | None = None
    ready_seconds: float | None = None  # from the start of the engine to its first answer


class Keeper:
    """Holds the fleet and does what `step` decides."""

    def __init__(
        self,
        room: Mapping[str, int],
        *,
        size: Sizing,
        start: Starting,
        obituary: Obituary,
        changed: Callable[[], None],
        refused: Callable[[f.Refuse], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fleet = f.Fleet(room=room)
        self.lives: dict[str, Life] = {}
        self._size, self._start, self._obituary = size, start, obituary
        self._changed, self._refused, self._clock = changed, refused, clock

    def tell(self, event: f.Event) -> None:
        """Take one event and carry out what follows from it."""
        before = self.fleet.unit(event.model).state
        self.fleet, actions = f.step(self.fleet, event)
        for action in actions:
            self._carry_out(action)
        if self.fleet.unit(event.model).state is not before:
            self._changed()

    def ask(self, model: str) -> None:
        """Somebody needs this model."""
        self.tell(f.Asked(model, self._clock()))

    def stop(self, model: str, force: bool = False) -> None:
        """The operator wants this model stopped."""
        self.tell(f.StopAsked(model, self._clock(), force))

    def traffic(self, model: str, busy: bool) -> None:
        """The gateway says that a model turned busy or idle."""
        at = self._clock()
        self.tell(f.Busy(model, at) if busy else f.Idle(model, at))

    async def close(self) -> None:
        """Stop every engine; nothing of them stays behind."""
        tasks = [life.task for life in self.lives.values() if life.task]
        for life in self.lives.values():
            life.stop.set()
        if tasks:
            await asyncio.wait(tasks)

    def _carry_out(self, action: f.Action) -> None:
        match action:
            case f.Size(model):
                life = self.lives[model] = Life(asyncio.Event())
                life.task = asyncio.create_task(self._live(model, life), name=f"life of {model}")
            case f.Start():
                pass  # the life goes on by itself once its model is sized and has room
            case f.Stop(model):
                self.lives[model].stop.set()
            case f.Refuse():
                self._refused(action)

    async def _live(self, model: str, life: Life) -> None:
        """One engine's life, from the question what it needs to its end."""
        try:
            why = await self._rise_and_run(model, life)
        except OstlerError as error:
            why = error.what
        finally:
            self.lives.pop(model, None)
        at = self._clock()
        self.tell(f.Ended(model, at) if why is None else f.Failed(model, at, why))

    async def _rise_and_run(self, model: str, life: Life) -> str | None:
        """Return why the engine failed, or None where it ended because we asked."""
        prepared = await _unless(life.stop, self._size(model))
        if prepared is None:
            return None
        life.prepared = prepared
        needs = prepared.estimate.required
        self.tell(f.Sized(model, self._clock(), prepared.placement.device.id, needs))
        if self.fleet.unit(model).state is not f.State.STARTING:
            return None
        began = self._clock()
        life.process = await _unless(life.stop, self._start(prepared))
        if life.process is None:
            return None
        life.ready_seconds = self._clock() - began
        self.tell(f.Ready(model, self._clock()))
        code = await _unless(life.stop, life.process.wait())
        if code is None:
            await life.process.stop()
            return None
        return self._obituary(life.process, code)


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
