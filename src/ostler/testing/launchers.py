"""What every launcher must do, as tests: subclass `LauncherContract` in a test module.

The subclass brings a fixture `launcher`, and says in `words` how a puppet is started there. The
programs that are launched are puppets, which hold a named pipe open: when the pipe ends, nothing of
them is left.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from ostler.errors import PortInUse
from ostler.nouns import Format, LaunchSpec, ModelFacts, Served, Task
from ostler.ports import Launcher, Process
from ostler.testing import puppet

PATIENCE = 20.0  # seconds; only a broken launcher ever waits this long
FACTS = ModelFacts(Format.GGUF, "puppet", Task.CHAT, 1, 1, "F32")
MODEL = Served("acme/puppet", "/", "/", Task.CHAT, FACTS)


class LauncherContract:
    """Tests for a `launcher` fixture."""

    words = (sys.executable, "-I", "-S", puppet.__file__)

    def spec(self, folder: Path, *words: str, port: int = 21990) -> LaunchSpec:
        """A puppet as an engine would describe it."""
        return spec_of(folder, *words, port=port, start=self.words)

    def test_the_output_goes_to_a_log_of_the_owner_only(
        self, launcher: Launcher, tmp_path: Path
    ) -> None:
        """Both starts are in the log, each after a line that says what was started."""

        async def twice() -> str:
            for code in ("3", "4"):
                async with started(launcher, self.spec(tmp_path, "--exit", code)) as (process, _):
                    assert await process.wait() == int(code)
                    assert process.poll() == int(code)
            return process.log_path

        log = Path(asyncio.run(twice()))
        assert log.stat().st_mode & 0o777 == 0o600
        lines = log.read_text().splitlines()
        assert lines[1::2] == ["the puppet speaks"] * 2
        assert all("puppet" in line for line in lines[0::2])

    def test_stop_asks_and_leaves_nothing(self, launcher: Launcher, tmp_path: Path) -> None:
        """A program that obeys ends by SIGTERM; its children end too."""

        async def story() -> tuple[int | None, int, bytes]:
            spec = self.spec(tmp_path, "--child", "--daemon")
            async with started(launcher, spec) as (process, pipe):
                running = process.poll()
                code = await process.stop()
                return running, code, await rest_of(pipe)

        assert asyncio.run(story()) == (None, -15, b"")

    def test_stop_makes_a_deaf_program_end(self, launcher: Launcher, tmp_path: Path) -> None:
        """A program that ignores SIGTERM is killed after the grace, with its children."""

        async def story() -> tuple[int, bytes]:
            spec = self.spec(tmp_path, "--deaf", "--child", "--daemon")
            async with started(launcher, spec) as (process, pipe):
                return await process.stop(grace=0.05), await rest_of(pipe)

        assert asyncio.run(story()) == (-9, b"")

    def test_stop_can_be_repeated(self, launcher: Launcher, tmp_path: Path) -> None:
        """Stopping what has ended gives the same exit code."""

        async def story() -> list[int]:
            async with started(launcher, self.spec(tmp_path)) as (process, _):
                return [await process.stop(), await process.stop(), await process.wait()]

        assert asyncio.run(story()) == [-15, -15, -15]

    def test_what_a_dead_program_left_is_cleared_up(
        self, launcher: Launcher, tmp_path: Path
    ) -> None:
        """A program that ends by itself leaves no children either."""

        async def story() -> tuple[int, bytes]:
            spec = self.spec(tmp_path, "--child", "--daemon", "--exit", "0")
            async with started(launcher, spec) as (process, pipe):
                return await process.wait(), await rest_of(pipe)

        assert asyncio.run(story()) == (0, b"")

    def test_the_answerer_is_reached_on_loopback(self, launcher: Launcher, tmp_path: Path) -> None:
        """Wherever a program listens, callers find it on this machine's loopback."""

        async def story() -> str:
            async with started(launcher, self.spec(tmp_path)) as (process, _):
                return process.spec.host

        assert asyncio.run(story()) == "127.0.0.1"

    def test_a_program_that_is_not_there_is_told(self, launcher: Launcher, tmp_path: Path) -> None:
        """It is an end with a code, or a refusal; never a success, never a wait without end."""
        spec = self.spec(tmp_path)
        spec = replace(spec, argv=(*self.words[:-1], "/nowhere/engine.py"))

        async def story() -> int:
            process = await launcher.start(spec, str(tmp_path / "log"))
            return await asyncio.wait_for(process.wait(), PATIENCE)

        os.mkfifo(tmp_path / "pipe")
        assert asyncio.run(story()) > 0
        assert "/nowhere/engine.py" in (tmp_path / "log").read_text().partition("\n")[2]

    def test_a_taken_port_is_refused(self, launcher: Launcher, tmp_path: Path) -> None:
        """Nothing is started where another program listens."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            spec = self.spec(tmp_path, port=server.getsockname()[1])
            try:
                asyncio.run(launcher.start(spec, str(tmp_path / "log")))
            except PortInUse:
                return
        raise AssertionError("the launcher started a program on a port that is taken")


@asynccontextmanager
async def started(
    launcher: Launcher, spec: LaunchSpec
) -> AsyncIterator[tuple[Process, asyncio.StreamReader]]:
    """A puppet that has said "ready", and the reading end of its pipe."""
    folder = Path(spec.model.folder)
    pipe = folder / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
        pipe.chmod(0o666)  # an engine may run as nobody
    async with reading(pipe) as reader:
        process = await launcher.start(spec, str(folder / "log"))
        try:
            assert await asyncio.wait_for(reader.readline(), PATIENCE) == b"ready\n"
            yield process, reader
        finally:
            await process.stop(grace=0.0)


@asynccontextmanager
async def reading(pipe: Path) -> AsyncIterator[asyncio.StreamReader]:
    """The reading end of a named pipe. It ends when nobody holds the other end any more."""
    # Opened so, it does not wait for a writer; and no end is seen before the first one came.
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb", 0)
    )
    try:
        yield reader
    finally:
        transport.close()


async def rest_of(pipe: asyncio.StreamReader) -> bytes:
    """What still comes out of the pipe; it ends when nobody holds the other end."""
    return await asyncio.wait_for(pipe.read(), PATIENCE)


def spec_of(
    folder: Path, *words: str, port: int = 21990, start: tuple[str, ...] = LauncherContract.words
) -> LaunchSpec:
    """A puppet as an engine would describe it; its pipe is its model."""
    model = replace(MODEL, folder=str(folder), weights=str(folder / "pipe"))
    argv = (*start, str(folder / "pipe"), *words)
    return LaunchSpec("puppet", argv, model, "127.0.0.1", port)
