"""What makes a described process real here, and finds those that an earlier server started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ostler.errors import ContainersUnavailable
from ostler.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ostler.core.drift import Composed
    from ostler.nouns import Image, LaunchSpec, Place
    from ostler.ports import Launcher, Process


def launcher(settings: Settings | None = None, lasts: float = 0.0) -> Launcher:
    """Return what makes a described process real on this machine.

    With settings it outlives us by so many seconds, in which another server may take it over.
    """
    from ostler.launchers.holding import Lasting
    from ostler.launchers.process import ProcessLauncher

    return ProcessLauncher(Lasting(_held(settings), lasts) if settings and lasts else None)


def containers(
    settings: Settings,
    images: Mapping[str, Image],
    lasts: float = 0.0,
    memory: int | None = None,
) -> Launcher:
    """Return what makes a described process real in its engine's image.

    `memory` is the limit in bytes beyond which a container is killed.
    Raises ContainersUnavailable where nothing runs containers here.
    """
    from ostler.launchers.container import ContainerLauncher
    from ostler.launchers.holding import Lasting
    from ostler.verbs.containing import place

    def placed(spec: LaunchSpec) -> Place:
        user = settings.container_user or None
        return place(spec, images[spec.engine], user=user, memory=memory)

    lasting = Lasting(_held(settings), lasts) if lasts else None
    return ContainerLauncher(_socket(settings), placed, str(settings.home), lasting)


async def sweep(settings: Settings, keep: Collection[str] | None = None) -> None:
    """Remove containers that a dead one of us left; None keeps those that were to outlive it."""
    from ostler.launchers.container import sweep

    await sweep(_socket(settings), str(settings.home), keep, _held(settings))


def running(
    settings: Settings, pid: int, began: float, spec: LaunchSpec, log: str
) -> Process | None:
    """Return an engine that an earlier server started, if it still runs and is nobody else's."""
    from ostler.errors import EngineFailed
    from ostler.launchers import lasting
    from ostler.launchers.holding import Held

    if not lasting.can_last() or lasting.began(pid) != began:
        return None
    try:
        held = Held(_held(settings) / f"{spec.port}.lock")
    except EngineFailed:
        return None
    return lasting.LastingProcess(pid, spec, log, held)


async def contained(settings: Settings, id: str, spec: LaunchSpec, log: str) -> Process | None:
    """Return an engine in a container that an earlier server started, if it still runs.

    None also where another server answers for it.
    """
    from ostler.errors import EngineFailed
    from ostler.launchers.container import running
    from ostler.launchers.holding import Held

    try:
        held = Held(_held(settings) / f"{spec.port}.lock")
    except EngineFailed:
        return None
    return await running(_socket(settings), id, spec, log, held)


async def composed(settings: Settings, paths: Sequence[str]) -> list[Composed]:
    """Return the containers that `docker compose` started from these files; none without Docker."""
    from ostler.launchers.composed import composed

    try:
        return await composed(_socket(settings), paths)
    except ContainersUnavailable:
        return []


def container_socket(settings: Settings) -> str:
    """Return where containers are asked for. Raises ContainersUnavailable."""
    return _socket(settings)


def began(pid: int) -> float | None:
    """When a process began; None: it is gone, or this system cannot tell."""
    from ostler.launchers import lasting

    return lasting.began(pid) if lasting.can_last() else None


def engine_port(settings: Settings) -> int:
    """Return a free port for an engine of this home. Raises PortInUse, UsageError."""
    from ostler.launchers.ports import free_port, of_home
    from ostler.verbs.hold import HOST

    return free_port(HOST, of_home(settings.engine_ports, settings.home))


def _held(settings: Settings) -> Path:
    return settings.run_dir / "engines"


def _socket(settings: Settings) -> str:
    from ostler.launchers.docker import socket_of

    return socket_of(settings.container_socket, os.environ)
