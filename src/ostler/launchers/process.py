"""Engines as processes of this machine: each in a session of its own, its output in a file.

What is started dies with us, or a while after us if it is to last: our own programs see to that
themselves, all others run under `ostler.programs.guard`. Linux ties that to the thread that started
them, so start engines from the thread that lives as long as the program, which is where the event
loop runs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from ostler.core import secrets
from ostler.core.visible import visible
from ostler.errors import EngineFailed, PortInUse
from ostler.launchers import logs, oom
from ostler.launchers.holding import Held, Lasting
from ostler.launchers.ports import is_free
from ostler.nouns import LaunchSpec
from ostler.programs import guard

SIGNALLED = 128  # exit code 128 + N of a shell, and of the guard: ended by signal N
OUT_OF_MEMORY = "out of memory: the system killed it to have memory again"
KILLED = "ended by signal 9: not by the system, which counts no death for want of memory"
CLEARING_UP = 2.0  # seconds for the guard to kill what is left


class LocalProcess:
    """One engine that runs, or ran, on this machine."""

    container: str | None = None

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        spec: LaunchSpec,
        log_path: str,
        held: Held | None = None,
    ) -> None:
        self.pid = process.pid
        self._held = held
        self.spec = spec
        self.log_path = log_path
        self._process = process
        self._swept = False
        self._stopped = False
        self._kills = oom.kills()
        self._log = asyncio.create_task(logs.bounded(log_path, process.wait()))

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal), or None while it runs."""
        code = self._process.returncode
        if code is None or self.spec.watches_parent or code <= SIGNALLED:
            return code
        return SIGNALLED - code  # the guard can only tell of a signal as a shell does

    async def wait(self) -> int:
        """Wait for the end; return the exit code (negative: the signal)."""
        code = await self._process.wait()
        self._sweep()
        known = self.poll()
        end = code if known is None else known
        if end == -signal.SIGKILL and not self._stopped and self._kills is not None:
            said = OUT_OF_MEMORY if oom.since(self._kills) else KILLED
            logs.say(self.log_path, said)
            self._kills = None  # said once
        return end

    async def stop(self, grace: float = 10.0) -> int:
        """Ask it to end, after `grace` seconds make it; return the exit code."""
        # A guard takes being asked again as an order, and then clears up before it ends.
        asks = (grace,) if self.spec.watches_parent else (grace, CLEARING_UP)
        self._stopped = self._stopped or self.poll() is None
        try:
            for patience in asks:
                if self.poll() is None:
                    self._process.terminate()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._process.wait(), patience)
        finally:  # also when the stopping itself is cancelled
            self._sweep()
        return await self.wait()

    def lasts(self) -> None:
        """It was written down, so that another server can find it: it may outlive us."""
        if self._held is not None:
            self._held.is_known()

    def _sweep(self) -> None:
        """Kill what is left of its process group; once, as a group's number can come again."""
        if not self._swept:
            self._swept = True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            if self._held is not None:
                self._held.let_go()


class ProcessLauncher:
    """Starts engines as child processes; `lasting` ones wait for another when we have died."""

    listens = "127.0.0.1"

    def __init__(self, lasting: Lasting | None = None) -> None:
        self._lasting = lasting

    async def start(self, spec: LaunchSpec, log_path: str) -> LocalProcess:
        """Start the process, its output going to `log_path`. Raises EngineFailed, PortInUse."""
        if not is_free(spec.host, spec.port):
            raise PortInUse(
                f"Another program listens on {spec.host}:{spec.port}.",
                hint="Set OSTLER_ENGINE_PORTS to a free range, for example 22000-22999.",
                port=spec.port,
            )
        make_links(spec)
        held = self._lasting.hold(spec.port) if self._lasting else None
        more = self._lasting.environment(held) if self._lasting and held else {}
        log = logs.opened(log_path, spec.argv)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv_of(spec),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(spec) | more,
                cwd=spec.cwd,
                start_new_session=True,
            )
        except OSError as error:
            if held is not None:
                held.let_go()
            raise EngineFailed(
                f"{spec.argv[0]} cannot be started: {error.strerror}.",
                hint="`ostler engine ls` shows which engines are installed.",
            ) from None
        finally:
            os.close(log)
        return LocalProcess(process, spec, log_path, held)


def argv_of(spec: LaunchSpec) -> tuple[str, ...]:
    """The words to run: under the guard where the program does not watch its parent."""
    if spec.watches_parent:
        return spec.argv
    return (sys.executable, "-I", "-S", guard.__file__, *spec.argv)


def environment(spec: LaunchSpec) -> dict[str, str]:
    """Ours, without the secrets that no engine needs, with what the engine asked for."""
    ours = {name: value for name, value in os.environ.items() if name not in secrets.VARIABLES}
    return ours | visible(spec.devices) | dict(spec.env) | {"OSTLER_PARENT": str(os.getpid())}


def make_links(spec: LaunchSpec) -> None:
    """Make the working folder, the links and the files in it. Raises EngineFailed."""
    if spec.cwd is None:
        return
    os.makedirs(spec.cwd, logs.PRIVATE_FOLDER, exist_ok=True)
    for name, target in spec.links.items():
        put(spec.cwd, name, partial(_link, target))
    write_texts(spec.cwd, spec.files)


def write_texts(folder: str, texts: Mapping[str, str]) -> None:
    """Write small files into a run folder. Raises EngineFailed."""
    for name, text in texts.items():
        put(folder, name, partial(_write, text))


def _link(target: str, fresh: Path) -> None:
    fresh.symlink_to(target)


def _write(text: str, fresh: Path) -> None:
    fresh.write_text(text, encoding="utf-8")


def put(folder: str, name: str, make: Callable[[Path], object]) -> None:
    """Let `make` make what `name` is in a run folder; by one rename. Raises EngineFailed."""
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        raise EngineFailed(f"{name!r} is no name inside a run folder.")
    place = Path(folder, *inside.parts)
    place.parent.mkdir(mode=logs.PRIVATE_FOLDER, parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    make(fresh)
    fresh.replace(place)
