"""Engines that outlive the server which started them, so that the next one can take them over.

They are no children of ours: their end is seen through a pidfd, which Linux alone has, and the
code that they ended with is not to be known.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

import psutil

from ostler.errors import EngineFailed, PortInUse
from ostler.launchers import logs
from ostler.launchers.ports import is_free
from ostler.launchers.process import environment, make_links
from ostler.nouns import LaunchSpec
from ostler.programs import outlive

SOME_FAILURE = 1  # stands for the exit code, which only a parent learns


def can_last() -> bool:
    """Say whether this system can watch a process that is no child."""
    return hasattr(os, "pidfd_open")


class LastingProcess:
    """An engine that runs, or ran, on this machine, whoever started it."""

    container: str | None = None

    def __init__(self, pid: int, spec: LaunchSpec, log_path: str) -> None:
        self.pid, self.spec, self.log_path = pid, spec, log_path
        self._ended = asyncio.Event()
        self._fd = -1
        try:
            self._fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended.set()
        else:
            asyncio.get_running_loop().add_reader(self._fd, self._end)
        self._log = asyncio.create_task(logs.bounded(log_path, self._ended.wait()))

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._ended.set()

    def poll(self) -> int | None:
        """Return a code if it has ended, or None while it runs."""
        return SOME_FAILURE if self._ended.is_set() else None

    async def wait(self) -> int:
        """Wait for the end."""
        await self._ended.wait()
        self._signal(signal.SIGKILL)  # what it may have left in its session's group
        return SOME_FAILURE

    async def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, after `grace` seconds make it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.poll() is None:
                self._signal(number)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), grace)
        return await self.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class LastingLauncher:
    """Starts engines that stay when we die."""

    listens = "127.0.0.1"

    async def start(self, spec: LaunchSpec, log_path: str) -> LastingProcess:
        """Start the process, its output going to `log_path`. Raises EngineFailed, PortInUse."""
        if not is_free(spec.host, spec.port):
            raise PortInUse(f"Another program listens on {spec.host}:{spec.port}.", port=spec.port)
        make_links(spec)
        log = logs.opened(log_path, spec.argv)
        try:
            starter = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", outlive.__file__, *spec.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment(spec) | {"OSTLER_PARENT": ""},
                cwd=spec.cwd,
            )
        finally:
            os.close(log)
        said, _ = await starter.communicate()
        if not said.strip().isdigit():
            raise EngineFailed(f"{spec.argv[0]} could not be left running.")
        return LastingProcess(int(said), spec, log_path)


def began(pid: int) -> float | None:
    """When a process began, to tell it from a later one of its number; None: it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
