"""Engines as containers of this machine, through Docker's API or Podman's.

What a container gets is decided in `core/containers.py`; here it is made real. A container is not
our child: a reaper beside it removes it when we are killed, and labels say whose it is, so that
what was left behind is found, or taken over, by the next of us.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from ostler.core.containers import EVERYWHERE, contained, name_of
from ostler.errors import EngineFailed, OstlerError, PortInUse
from ostler.launchers import logs, requests
from ostler.launchers.contained import ContainerProcess
from ostler.launchers.docker import Docker
from ostler.launchers.holding import Held, Lasting
from ostler.launchers.lasting import began
from ostler.launchers.ports import is_free
from ostler.launchers.process import write_texts
from ostler.nouns import Container, LaunchSpec, Place

LOOPBACK = "127.0.0.1"
HOME, OWNER, LASTS = "ostler.home", "ostler.owner", "ostler.lasts"

Placing = Callable[[LaunchSpec], Place]


class ContainerLauncher:
    """Starts engines in containers.

    `place` says what a process gets of this machine, `home` whose containers they are. Those that
    are `lasting` outlive us.
    """

    listens = EVERYWHERE

    def __init__(
        self, socket: str, place: Placing, home: str, lasting: Lasting | None = None
    ) -> None:
        self._socket, self._place, self._home, self._lasting = socket, place, home, lasting

    async def start(self, spec: LaunchSpec, log_path: str) -> ContainerProcess:
        """Start the container, its output going to `log_path`.

        Raises EngineFailed, PortInUse, ContainersUnavailable, EngineUnsupported, UsageError.
        """
        one = contained(spec, self._place(spec))
        if not is_free(LOOPBACK, one.published):
            raise PortInUse(
                f"Another program listens on {LOOPBACK}:{one.published}.",
                hint="Set OSTLER_ENGINE_PORTS to a free range, for example 22000-22999.",
                port=one.published,
            )
        if spec.cwd:
            write_texts(spec.cwd, {name: one.texts[f"{spec.cwd}/{name}"] for name in spec.files})
        docker = Docker(self._socket)
        try:
            return await self._start(docker, spec, one, log_path)
        except BaseException:
            await docker.close()
            raise

    async def _start(
        self, docker: Docker, spec: LaunchSpec, one: Container, log_path: str
    ) -> ContainerProcess:
        await _have(docker, one.image)
        labels, is_podman = self._labels(one.published), await docker.is_podman()
        name = f"ostler-{name_of(spec.model.id, one.gpus)}-{secrets.token_hex(4)}"
        os.close(logs.opened(log_path, (*one.entrypoint, *one.command), one.image))
        held = self._lasting.hold(one.published) if self._lasting else None
        try:
            if is_podman:
                id = await docker.create_as_podman(name, requests.podman(one, labels))
            else:
                id = await docker.create(name, requests.docker(one, labels))
        except OstlerError:
            if held:
                held.let_go()
            raise
        begun = False
        process = ContainerProcess(docker, id, spec, log_path, held)
        try:
            linger = self._lasting.environment(held) if self._lasting and held else {}
            await process.reaped(linger)
            await docker.start(id)
            await process.begin()
            begun = True
        except EngineFailed as error:
            raise _as_port_in_use(error, one.published) from None
        finally:
            if not begun:
                await process.give_up()
        return process

    def _labels(self, port: int) -> dict[str, str]:
        lasts = str(port) if self._lasting else ""  # its lock is named after the port
        return {HOME: self._home, OWNER: owner(os.getpid()), LASTS: lasts}


async def _have(docker: Docker, reference: str) -> None:
    """Fetch an image that is not here. Raises EngineFailed."""
    if await docker.has_image(reference):
        return
    if reference.startswith("sha256:"):
        raise EngineFailed(
            f"The image {reference} is not on this machine, and has no name to fetch it by.",
            hint="docker image ls --no-trunc --quiet",
            cause="missing_image",
        )
    await docker.pull(reference)


def _as_port_in_use(error: EngineFailed, port: int) -> EngineFailed | PortInUse:
    words = ("address already in use", "port is already allocated", "ports are not available")
    if any(one in error.what.lower() for one in words):
        return PortInUse(f"Another program listens on {LOOPBACK}:{port}.", port=port)
    return error


def owner(pid: int) -> str:
    """Return who a process is, for a label: its number can come again, its beginning cannot."""
    return f"{pid}@{began(pid)}"


async def sweep(
    socket: str, home: str, keep: Collection[str] | None, locks: Path | None = None
) -> list[str]:
    """Remove containers that a dead one of us left behind; return their ids.

    `keep` are those that were taken over; None leaves all that were to outlive their owner. With
    the lock of one that goes, in the folder `locks`, its reaper goes too.
    """
    docker, gone = Docker(socket), []
    try:
        for id, labels in await docker.labelled(f"{HOME}={home}"):
            pid = labels.get(OWNER, "").partition("@")[0]
            alive = pid.isdecimal() and owner(int(pid)) == labels[OWNER]
            lasts = bool(labels.get(LASTS)) and (keep is None or id in keep)
            if not (alive or lasts):
                await docker.remove(id)
                gone.append(id)
                if locks and labels.get(LASTS, "").isdecimal():
                    with suppress(EngineFailed):  # somebody's, who has the port by now
                        Held(locks / f"{labels[LASTS]}.lock").let_go()
    finally:
        await docker.close()
    return gone


async def running(
    socket: str, id: str, spec: LaunchSpec, log_path: str, held: Held | None = None
) -> ContainerProcess | None:
    """Return an engine that an earlier one of us started, if it still runs.

    Its lock is `held` by us now; that of one that does not run is let go.
    """
    docker = Docker(socket)
    end = await docker.inspect(id)
    if end is None or not end.running:
        await docker.close()
        if held:
            held.let_go()
        return None
    process = ContainerProcess(docker, id, spec, log_path, held)
    await process.begin(since=logs.changed_at(log_path))
    return process
