"""A look at the devices' memory now and then, for the operator and for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ostler.core.filling import nearly_full
from ostler.nouns import Device

EVERY = 15.0  # seconds; nvidia-smi takes some tenths of one


class Watch:
    """What the devices had free at the last look."""

    def __init__(
        self,
        look: Callable[[], Sequence[Device]],
        warn: Callable[[str], None],
        every: float = EVERY,
    ) -> None:
        self._look, self._warn, self._every = look, warn, every
        self.devices: tuple[Device, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say which devices are nearly full."""
        return nearly_full(self.devices)

    async def run(self) -> None:
        """Look now and then, for ever; tell once of each device that has filled up."""
        told: set[str] = set()
        while True:
            self.devices = tuple(await asyncio.to_thread(self._look))
            full = {device.id: nearly_full([device]) for device in self.devices}
            for id, words in full.items():
                if words and id not in told:
                    self._warn(words[0])
            told = {id for id, words in full.items() if words}
            await asyncio.sleep(self._every)
