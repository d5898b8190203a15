"""One engine in a container, from its start to the last word in its log."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from ostler.errors import ContainersUnavailable
from ostler.launchers.docker import Docker, End
from ostler.launchers.holding import Held
from ostler.launchers.logs import Log
from ostler.nouns import LaunchSpec
from ostler.programs import reaper

LOOPBACK = "127.0.0.1"
SIGNALLED = 128  # exit code 128 + N of a shell, and of the init in it: ended by signal N
LOST = End(False, 1, False, 0, 0)  # stands for the end of one that somebody else removed
LAST_WORDS = 5.0  # seconds for the end of its output to come after its end
AGAIN = 0.5  # seconds between two tries to reach a server of containers that restarts


class ContainerProcess:
    """One engine that runs, or ran, in a container."""

    def __init__(
        self, docker: Docker, id: str, spec: LaunchSpec, log_path: str, held: Held | None = None
    ) -> None:
        self.container: str | None = id
        self._id, self.log_path, self.pid = id, log_path, 0
        self.spec = replace(spec, host=LOOPBACK)  # where it answers, not where it listens
        self._docker, self._log = docker, Log(log_path)
        self._held = held
        self._code: int | None = None
        self._reaper: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[int] | None = None

    async def begin(self, since: float = 0.0) -> None:
        """Take over a container that runs: its output since a moment, and its end."""
        end = await self._docker.inspect(self._id)
        self.pid = end.pid if end else 0
        self._life = asyncio.create_task(self._live(since), name=f"container {self._id[:12]}")

    async def reaped(self, linger: Mapping[str, str]) -> None:
        """Have it removed when we die, or so long after as `linger` says."""
        self._reaper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", reaper.__file__, self._docker.socket, self._id),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,  # ours would stay open after our death
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, **linger},
            start_new_session=True,
        )

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), or None while it runs."""
        return self._code

    def lasts(self) -> None:
        """It was written down, so that another server can find it: it may outlive us."""
        if self._held:
            self._held.is_known()

    async def wait(self) -> int:
        """Wait for the end; return the exit code (negative: the signal)."""
        assert self._life
        return await asyncio.shield(self._life)

    async def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, after `grace` seconds make it; return the exit code."""
        for signal in ("SIGTERM", "SIGKILL"):
            if self._code is None:
                with suppress(ContainersUnavailable):
                    await self._docker.kill(self._id, signal)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wait(), grace)
        return await self.wait()

    async def give_up(self) -> None:
        """Remove what could not be started."""
        with suppress(ContainersUnavailable):
            await self._docker.remove(self._id)
        await self._dismiss()
        self._log.close()

    async def _live(self, since: float) -> int:
        """See it to its end: all of its words in the log, nothing of it left."""
        try:
            end = await self._ended(since)
            if end.out_of_memory:
                limit = f" of {end.limit >> 20} MiB" if end.limit else ""
                self._log.say(f"out of memory: the container passed its limit{limit}")
            await self._docker.remove(self._id)
            self._code = SIGNALLED - end.code if end.code > SIGNALLED else end.code
            return self._code
        finally:
            await self._dismiss()
            await self._docker.close()
            self._log.close()

    async def _ended(self, since: float) -> End:
        """Write its output until its end, however often the server of containers goes away.

        The output ends with it; Podman says so sooner than it answers who waits.
        """
        while True:
            writing = asyncio.create_task(self._write(since), name=f"log of {self._id[:12]}")
            waiting = asyncio.create_task(self._wait(), name=f"end of {self._id[:12]}")
            try:
                await asyncio.wait({writing, waiting}, return_when=asyncio.FIRST_COMPLETED)
                end = await self._look()
                if end and not end.running:
                    await asyncio.wait({writing}, timeout=LAST_WORDS)
                    return end
            finally:
                writing.cancel()
                waiting.cancel()
            since = time.time()
            await asyncio.sleep(AGAIN)

    async def _look(self) -> End | None:
        """How it stands; None where nobody can say."""
        with suppress(ContainersUnavailable):
            return await self._docker.inspect(self._id) or LOST
        return None

    async def _wait(self) -> None:
        with suppress(ContainersUnavailable):
            await self._docker.wait(self._id)

    async def _write(self, since: float) -> None:
        with suppress(ContainersUnavailable):
            async for piece in self._docker.output(self._id, since):
                self._log.write(piece)

    async def _dismiss(self) -> None:
        """Tell the reaper that there is nothing left to do."""
        if self._held:
            self._held.let_go()
        if self._reaper and self._reaper.stdin and self._reaper.returncode is None:
            self._reaper.stdin.write(b"gone\n")
            with suppress(ConnectionError):
                await self._reaper.stdin.drain()
            await self._reaper.wait()
