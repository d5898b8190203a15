"""Engines that stop answering while their processes live: real ones, with real signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.verbs.test_keep import keeping, until, up

from ostler import wiring
from ostler.core import fleet as f
from ostler.core import heartbeat as rules
from ostler.faces.server import heartbeat
from ostler.faces.server.heartbeat import Heartbeat
from ostler.verbs.keep import Keeper

QUICK = 0.05  # seconds between two looks


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules with shorter times."""
    monkeypatch.setattr(rules, "HUNG", 1.0)
    monkeypatch.setattr(rules, "SICK", 1.0)
    monkeypatch.setattr(heartbeat, "PATIENCE", 0.1)


async def beating(keeper: Keeper, until_then: Callable[[], object]) -> list[str]:
    """Let the heart beat until something is so; what was said meanwhile."""
    said: list[str] = []
    run = asyncio.create_task(Heartbeat(keeper, wiring.reading().worked, said.append, QUICK).run())
    try:
        await until(until_then)
    finally:
        run.cancel()
    return said


def lives(one: psutil.Process) -> bool:
    try:
        return one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.usefixtures("hasty")
def test_a_hung_engine_is_ended_and_said_to_have_hung(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeping(tmp_path) as (keeper, _):
            pid = await up(keeper, "a")
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            for one in family:
                os.kill(one.pid, signal.SIGSTOP)
            said = await beating(keeper, lambda: keeper.fleet.unit("a").state is f.State.FAILED)
            assert "hangs" in keeper.fleet.unit("a").why
            assert said
            await until(lambda: not any(map(lives, family)))

    asyncio.run(story())


def test_one_that_answers_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "SICK", 0.5)
    monkeypatch.setattr(rules, "HUNG", 5.0)  # a machine that is busy may starve it for a while

    async def story() -> None:
        async with keeping(tmp_path) as (keeper, _):
            pid = await up(keeper, "a")
            end = asyncio.get_running_loop().time() + 1.5
            said = await beating(keeper, lambda: asyncio.get_running_loop().time() > end)
            assert (said, keeper.fleet.unit("a").state) == ([], f.State.READY)
            assert keeper.lives["a"].process is not None
            assert keeper.lives["a"].process.pid == pid

    asyncio.run(story())


def test_work_of_children_counts() -> None:
    """A busy child of a silent parent is work, and a gone process is nobody's."""
    worked = wiring.reading().worked
    before = worked(os.getpid())
    assert before is not None
    assert before > 0
    assert worked(2**22 + 1) is None
