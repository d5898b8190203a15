"""Looks at the engines that are ready, now and then; what hangs or is sick is begun anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ostler.core import fleet as f
from ostler.core.heartbeat import Look, Trouble, looked
from ostler.nouns import LaunchSpec
from ostler.verbs.asking import ask
from ostler.verbs.keep import Keeper, Life

EVERY = 5.0  # seconds; a look costs an engine less than a millisecond
PATIENCE = 5.0  # seconds that one look waits for an answer


class Heartbeat:
    """What is known of each ready engine's trouble."""

    def __init__(
        self,
        keeper: Keeper,
        worked: Callable[[int], float | None],
        warn: Callable[[str], None],
        every: float = EVERY,
    ) -> None:
        """`worked` gives the processor's seconds that a process and its children have used."""
        self._keeper, self._worked, self._warn, self._every = keeper, worked, warn, every
        self._troubles: dict[int, Trouble] = {}  # by the engine's process

    async def run(self) -> None:
        """Look at all of them, for ever."""
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> None:
        """Look once at every engine that is to answer."""
        ready = [
            (unit, life)
            for unit, life in self._keeper.lives.items()
            if life.process is not None and self._keeper.fleet.unit(unit).state is f.State.READY
        ]
        await asyncio.gather(*(self._look_at(unit, life) for unit, life in ready))
        alive = {life.process.pid for _, life in ready if life.process is not None}
        self._troubles = {pid: one for pid, one in self._troubles.items() if pid in alive}

    async def _look_at(self, unit: str, life: Life) -> None:
        process = life.process
        assert process is not None
        status = await health(process.spec)
        worked = await asyncio.to_thread(self._worked, process.pid)
        look = Look(asyncio.get_running_loop().time(), status, worked)
        trouble, loss = looked(self._troubles.get(process.pid), look)
        if trouble is None:
            self._troubles.pop(process.pid, None)
            return
        self._troubles[process.pid] = trouble
        if loss is not None and self._keeper.lives.get(unit) is life:
            what = f"{process.spec.engine} was ended while it served {unit}. {loss.what}"
            self._warn(what)
            self._keeper.give_up(unit, what, loss.cause)


async def health(spec: LaunchSpec) -> int | None:
    """The status of its health path; None where no answer comes in time."""
    with suppress(OSError):
        return (await ask(spec.host, spec.port, "GET", spec.health_path, patience=PATIENCE)).status
    return None
