"""The keeper with real processes: engines that sleep, and those that only say so."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from ostler.core import fleet as f
from ostler.errors import EngineFailed
from ostler.launchers.ports import free_port
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import LaunchSpec, SleepMode
from ostler.ports import Process
from ostler.testing import sleeper
from ostler.testing.launchers import MODEL, PATIENCE
from ostler.verbs import sleeping
from ostler.verbs.keep import Fitting, Keeper
from ostler.verbs.start import until_healthy

GIB = 2**30
ROOM = {"gpu:0": 10 * GIB, "cpu": 20 * GIB}
NAP = f.Nap(left=GIB, kept=5 * GIB, seconds=0.1)
HELD = 200 << 20  # bytes that an engine really takes, and gives back
SLEEP_MODE = SleepMode("/sleep?level=1", "/wake_up", "/is_sleeping")


class Hands:
    """Starts sleepers; `words` are the arguments of a unit's."""

    def __init__(self, folder: Path, words: Mapping[str, Sequence[str]]) -> None:
        self.folder, self.words = folder, words
        self.ports: set[int] = set()

    async def size(self, unit: str, less: bool) -> Fitting:
        return Fitting("sleeper", 6 * GIB, 1, ("gpu:0",), 30.0, nap=NAP)

    async def start(self, unit: str, fitting: Fitting, devices: Sequence[str]) -> Process:
        assert tuple(devices) == ("gpu:0",)
        port = free_port("127.0.0.1", range(22100, 22900), self.ports)
        self.ports.add(port)
        words = ("--port", str(port), "--bytes", str(HELD), *self.words.get(unit, ()))
        argv = (sys.executable, "-I", "-S", sleeper.__file__, *words)
        spec = LaunchSpec("sleeper", argv, MODEL, "127.0.0.1", port, sleep_mode=SLEEP_MODE)
        process = await ProcessLauncher().start(spec, str(self.folder / f"{unit}.log"))
        await asyncio.wait_for(until_healthy(spec, lambda stage: None), PATIENCE)
        return process

    async def sleep(self, unit: str, process: Process) -> None:
        await sleeping.fall_asleep(process.spec)

    async def wake(self, unit: str, process: Process) -> None:
        await sleeping.wake_up(process.spec)

    def obituary(self, process: Process, code: int) -> f.Failure:
        return f.Failure(f"It died with {code}.")

    def ended(self, unit: str) -> None:
        pass


class Ears:
    """The gateway that sends nothing: who is withdrawn is so at once."""

    def __init__(self) -> None:
        self.keeper: Keeper | None = None
        self.refusals: list[f.Refuse] = []

    def changed(self, withdrawn: Sequence[str]) -> None:
        assert self.keeper is not None
        loop = asyncio.get_running_loop()
        for unit in withdrawn:
            loop.call_soon(self.keeper.withdrawn, unit)

    def refused(self, refusal: f.Refuse) -> None:
        self.refusals.append(refusal)

    def warned(self, warning: f.Warn) -> None:
        pass


@asynccontextmanager
async def keeping(folder: Path, **words: Sequence[str]) -> AsyncIterator[tuple[Keeper, Ears]]:
    ears = Ears()
    keeper = ears.keeper = Keeper(ROOM, Hands(folder, words), ears)
    keeper.wish(f.Wishes(policy=f.Policy(residency=0.0)), keeper.fleet.berths)
    try:
        yield keeper, ears
    finally:
        await keeper.close()


async def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def up(keeper: Keeper, unit: str) -> int:
    """Ask for a unit until it is ready and was used; return its process."""
    keeper.ask(unit)
    await until(lambda: keeper.fleet.unit(unit).state is f.State.READY)
    keeper.traffic(unit, busy=True)
    keeper.traffic(unit, busy=False)
    process = keeper.lives[unit].process
    assert process is not None
    return process.pid


def memory(pid: int) -> int:
    """Bytes of a process and its children: the engine runs under a guard."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(one.memory_info().rss for one in family)


def test_engines_take_turns_asleep_and_stay(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeping(tmp_path) as (keeper, ears):
            first = await up(keeper, "a")
            assert memory(first) >= HELD
            second = await up(keeper, "b")
            assert keeper.fleet.unit("a").state is f.State.ASLEEP
            assert memory(first) < HELD / 2, "it has given its memory back"
            assert keeper.fleet.held("gpu:0") == 7 * GIB
            assert keeper.fleet.held("cpu") == 5 * GIB
            assert await up(keeper, "a") == first, "the same process is awake again"
            assert memory(first) >= HELD
            assert keeper.fleet.unit("b").state is f.State.ASLEEP
            assert psutil.pid_exists(second)
            assert not ears.refusals
            keeper.stop("b")
            await until(lambda: "b" not in keeper.lives)
            assert keeper.fleet.held("cpu") == 0
        assert not psutil.pid_exists(first)

    asyncio.run(story())


def test_one_that_only_says_it_sleeps_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeping(tmp_path, a=("--deaf",)) as (keeper, _):
            first = await up(keeper, "a")
            await up(keeper, "b")
            assert keeper.fleet.unit("a").state is f.State.STOPPED
            assert not psutil.pid_exists(first)
            assert keeper.fleet.held("cpu") == 0

    asyncio.run(story())


def test_one_that_does_not_wake_is_ended_and_its_callers_are_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeping(tmp_path, a=("--heavy",)) as (keeper, ears):
            first = await up(keeper, "a")
            await up(keeper, "b")
            keeper.ask("a")
            await until(lambda: ears.refusals)
            assert "told to wake and answered 500" in ears.refusals[0].what
            assert keeper.fleet.unit("a").state is f.State.FAILED
            assert not psutil.pid_exists(first)

    asyncio.run(story())


def test_an_engine_without_a_bed_does_not_sleep() -> None:
    spec = LaunchSpec("sleeper", ("x",), MODEL, "127.0.0.1", 1)
    for turn in (sleeping.fall_asleep, sleeping.wake_up):
        with pytest.raises(EngineFailed, match="cannot sleep"):
            asyncio.run(turn(spec))
    assert not asyncio.run(sleeping.is_asleep(spec))


def test_an_engine_that_is_gone_cannot_be_asked() -> None:
    spec = LaunchSpec("sleeper", ("x",), MODEL, "127.0.0.1", 1, sleep_mode=SLEEP_MODE)
    with pytest.raises(EngineFailed, match="did not answer"):
        asyncio.run(sleeping.is_asleep(spec))
