"""Engines as local processes: the launcher contract, and the death of who started them."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ostler.errors import EngineFailed
from ostler.launchers import oom
from ostler.launchers.holding import Held, Lasting
from ostler.launchers.lasting import LastingProcess
from ostler.launchers.process import ProcessLauncher, environment, make_links
from ostler.programs.lingering import is_held
from ostler.testing.launchers import (
    PATIENCE,
    LauncherContract,
    reading,
    rest_of,
    spec_of,
    started,
)

PARENT = """
import asyncio, sys
from pathlib import Path
from ostler.launchers.process import ProcessLauncher
from ostler.testing.launchers import spec_of

async def main(folder):
    spec = spec_of(folder, "--child", "--daemon")
    process = await ProcessLauncher().start(spec, str(folder / "log"))
    await process.wait()

asyncio.run(main(Path(sys.argv[1])))
"""


OWN_END: dict[str, tuple[str, ...]] = {"stop": (), "wait": ("--exit", "0")}


class TestProcessLauncher(LauncherContract):
    @pytest.fixture
    def launcher(self) -> ProcessLauncher:
        return ProcessLauncher()


def test_engines_die_with_a_killed_parent(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
    with open(pipe, "rb", buffering=0) as reading:
        assert reading.readline() == b"ready\n"
        parent.send_signal(signal.SIGKILL)
        assert parent.wait() == -signal.SIGKILL
        ready, _, _ = select.select([reading], [], [], PATIENCE)
        assert ready, "something of the engine outlived who started it"
        assert reading.read() == b""


class TestLasting(LauncherContract):
    """Those that may outlive us differ in nothing while we live."""

    @pytest.fixture
    def launcher(self, tmp_path: Path) -> ProcessLauncher:
        return ProcessLauncher(Lasting(tmp_path / "held", 60.0))


LASTING_PARENT = PARENT.replace("ProcessLauncher()", "LAUNCHER").replace(
    "async def main", """
from ostler.launchers.holding import Lasting
LAUNCHER = ProcessLauncher(Lasting(Path(sys.argv[1]) / "held", float(sys.argv[2])))

async def main"""
).replace("await process.wait()", "{known}; await process.wait()")  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "known", "ends"), [(0.0, True, True), (600.0, True, False), (600.0, False, True)]
)
def test_a_lasting_engine_waits_so_long_for_the_next_to_answer_for_it(
    tmp_path: Path, seconds: float, known: bool, ends: bool
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = LASTING_PARENT.format(known="process.lasts()" if known else "pass")
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(seconds)])
    with open(pipe, "rb", buffering=0) as reading:
        assert reading.readline() == b"ready\n"
        lock = tmp_path / "held/21990.lock"
        until(lambda: lock.stat().st_size > 0 or not known)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        if ends:
            assert select.select([reading], [], [], PATIENCE)[0], "nobody will come for it"
            assert reading.read() == b""
            return
        assert not is_held(str(lock))
        assert not select.select([reading], [], [], 2.5)[0], "it waits"
        asyncio.run(take_over(tmp_path, lock))
        assert reading.read() == b"", "and obeys the next one"
        assert not lock.exists()


async def take_over(folder: Path, lock: Path) -> None:
    """Find the engine as the next server would, and end it."""
    guards = [one for one in psutil.process_iter(["cmdline"]) if str(folder / "pipe") in (
        one.info["cmdline"] or ()
    ) and any("guard.py" in word for word in one.info["cmdline"])]  # fmt: skip
    assert len(guards) == 1
    held = Held(lock)
    process = LastingProcess(guards[0].pid, spec_of(folder), str(folder / "log"), held)
    assert process.poll() is None
    assert is_held(str(lock))
    await process.stop()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_lock_of_an_engine_is_one_servers(tmp_path: Path) -> None:
    one = Held(tmp_path / "a.lock")
    with pytest.raises(EngineFailed, match="Another server"):
        Held(tmp_path / "a.lock")
    one.let_go()
    assert not (tmp_path / "a.lock").exists()
    Held(tmp_path / "a.lock").let_go()


@pytest.mark.parametrize("how", ["stop", "wait"])
def test_a_program_of_ours_needs_no_guard_to_leave_nothing(how: str, tmp_path: Path) -> None:
    spec = replace(spec_of(tmp_path, "--child", *OWN_END[how]), watches_parent=True)
    os.mkfifo(tmp_path / "pipe")

    async def story() -> tuple[int, bytes]:
        async with reading(tmp_path / "pipe") as pipe:
            process = await ProcessLauncher().start(spec, str(tmp_path / "log"))
            said = await pipe.readline()
            code = await (process.stop() if how == "stop" else process.wait())
            return code, said + await rest_of(pipe)

    assert asyncio.run(story()) == (0 if how == "wait" else -15, b"ready\n")


def test_links_are_made_and_replaced(tmp_path: Path) -> None:
    spec = replace(spec_of(tmp_path), cwd=str(tmp_path / "run"), links={"org/name": "/old"})
    make_links(spec)
    make_links(replace(spec, links={"org/name": str(tmp_path)}))
    assert (tmp_path / "run/org/name").readlink() == tmp_path


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../b", ""])
def test_a_link_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    spec = replace(spec_of(tmp_path), cwd=str(tmp_path / "run"), links={name: "/target"})
    with pytest.raises(EngineFailed, match="run folder"):
        make_links(spec)


def test_files_are_written_and_replaced_in_their_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    spec = replace(spec_of(tmp_path), cwd=str(run), files={"models/one/config": "old"})
    make_links(spec)
    make_links(replace(spec, files={"models/one/config": "new"}))
    assert (run / "models/one/config").read_text() == "new"
    assert [path.name for path in (run / "models/one").iterdir()] == ["config"]
    with pytest.raises(EngineFailed, match="run folder"):
        make_links(replace(spec, files={"../out": "x"}))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["HF_TOKEN", "OSTLER_API_KEY", "OSTLER_DATABASE"])
def test_secrets_do_not_reach_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "a secret")
    env = environment(replace(spec_of(tmp_path), env={"OMP_NUM_THREADS": "1"}))
    assert "a secret" not in env.values()
    assert env["OMP_NUM_THREADS"] == "1"
    assert env["OSTLER_PARENT"] == str(os.getpid())


@pytest.mark.skipif(oom.kills() is None, reason="this system does not count its victims")
def test_who_killed_it_is_written_down(tmp_path: Path) -> None:
    """Not the system: the kernel's count of its victims is where it was."""

    async def story() -> int:
        async with started(ProcessLauncher(), spec_of(tmp_path)) as (process, _):
            os.kill(process.pid, signal.SIGKILL)
            return await process.wait()

    assert asyncio.run(story()) == -signal.SIGKILL
    assert "not by the system" in (tmp_path / "log").read_text()
