"""Engines that outlive the server which started them, so that the next one can take them over.

They are no children of ours: their end is seen through a pidfd, which Linux alone has, and the
code that they ended with is not to be known.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import psutil

from ostler.launchers import logs
from ostler.launchers.holding import Held
from ostler.nouns import LaunchSpec

SOME_FAILURE = 1  # stands for the exit code, which only a parent learns


def can_last() -> bool:
    """Say whether this system can watch a process that is no child."""
    return hasattr(os, "pidfd_open")


class LastingProcess:
    """An engine that runs, or ran, on this machine, whoever started it."""

    container: str | None = None

    def __init__(self, pid: int, spec: LaunchSpec, log_path: str, held: Held) -> None:
        self.pid, self.spec, self.log_path = pid, spec, log_path
        self._held = held
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

    def lasts(self) -> None:
        """It has been written down before."""

    async def wait(self) -> int:
        """Wait for the end."""
        await self._ended.wait()
        self._signal(signal.SIGKILL)  # what it may have left in its session's group
        self._held.let_go()
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


def began(pid: int) -> float | None:
    """When a process began, to tell it from a later one of its number; None: it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
