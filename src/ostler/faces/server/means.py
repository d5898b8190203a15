"""How the server has engines run: as processes or in containers, as the operator wishes."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

from ostler import wiring
from ostler.core import images
from ostler.errors import ContainersUnavailable, EngineFailed
from ostler.faces.server.notes import Note, Notes
from ostler.faces.server.wishes import ModelWish, WishesFile
from ostler.nouns import Image, LaunchSpec
from ostler.ports import Launcher, Process
from ostler.settings import Settings
from ostler.verbs.prepare import Machine
from ostler.verbs.sleeping import is_asleep
from ostler.verbs.start import look

CONTAINER = "container"


class Means:
    """What starts engines here, and what is still there of an earlier server's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._notes = Notes(settings.run_dir / "engines")

    def within(self, wish: ModelWish) -> bool:
        """Say whether a model's engine is run in a container."""
        return (wish.launcher or self._settings.launcher) == CONTAINER

    def seen(self, machine: Machine, wishes: WishesFile, wish: ModelWish) -> Machine:
        """Return the machine with the engines that a model could be run by. Raises UsageError."""
        if not self.within(wish):
            return machine
        known = pictures(machine, wishes)
        return replace(machine, installed={e: images.installed(one) for e, one in known.items()})

    def launcher(self, machine: Machine, wishes: WishesFile, wish: ModelWish) -> Launcher:
        """Return what starts a model's engine. Raises ContainersUnavailable, UsageError."""
        lasts = wishes.adopt if adopts(wishes) else 0.0
        if not self.within(wish):
            return wiring.launcher(self._settings, lasts)
        known = pictures(machine, wishes)
        return wiring.containers(self._settings, known, lasts, wish.memory_limit)

    # --- those that outlive us ------------------------------------------------------------

    def note(self, unit: str, process: Process, devices: tuple[str, ...]) -> None:
        """Write an engine down for the next server."""
        began = wiring.began(process.pid) or 0.0
        at = process.spec.port
        self._notes.take(Note(unit, process.pid, began, at, devices, process.container or ""))
        process.lasts()

    def forget(self, unit: str) -> None:
        """An engine is gone."""
        self._notes.drop(unit)

    def noted(self) -> list[Note]:
        """Return what an earlier server wrote down."""
        return self._notes.all()

    async def found(self, note: Note, spec: LaunchSpec, wishes: WishesFile) -> Process | None:
        """Return a noted engine that runs, answers and is to be kept; end one that is not."""
        log = str(wiring.log_path(self._settings, note.unit))
        process = None
        if not note.container:
            process = wiring.running(self._settings, note.pid, note.began, spec, log)
        else:
            with suppress(ContainersUnavailable):
                process = await wiring.contained(self._settings, note.container, spec, log)
        if process and not (wishes.adopt and await _serves(process.spec)):
            await process.stop()
            return None
        return process

    async def sweep(self, wishes: WishesFile, keep: list[str]) -> None:
        """Remove the containers that nobody answers for any more."""
        used = [*wishes.models.values(), ModelWish()]
        if keep or any(self.within(wish) for wish in used):
            with suppress(ContainersUnavailable):  # told when a model wants one
                await wiring.sweep(self._settings, keep)


def pictures(machine: Machine, wishes: WishesFile) -> dict[str, Image]:
    """Return the images of engines that suit this machine. Raises UsageError."""
    gpu = bool(machine.hardware.of_kind("nvidia"))
    return images.choices(wishes.own_images(), gpu=gpu)


def adopts(wishes: WishesFile) -> bool:
    """Say whether engines are to outlive us, where the system can do that."""
    return wishes.adopt > 0 and wiring.began(os.getpid()) is not None


async def _serves(spec: LaunchSpec) -> bool:
    """Say whether an engine answers and is awake; one asleep may have lost its room to others."""
    answer = await look(spec, spec.health_path)
    with suppress(EngineFailed):
        return answer is not None and answer.status == 200 and not await is_asleep(spec)
    return False
