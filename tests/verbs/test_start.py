"""Starting engines for real: the answer that makes one ready, and every way to fail."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from ostler.engines.llamacpp import LlamaCpp
from ostler.errors import EngineFailed, OstlerError, PortInUse, StartupTimeout
from ostler.launchers.ports import free_port, is_free
from ostler.launchers.process import ProcessLauncher
from ostler.nouns import LaunchSpec, Served, Task, Workload
from ostler.ports import Process
from ostler.testing import launchers, tiny
from ostler.verbs.asking import ask, events
from ostler.verbs.start import check_identity, start

T = TypeVar("T")
HOST = "127.0.0.1"
ENGINE = LlamaCpp()
SICK = Path(__file__).with_name("sick_engine.py")
# Runs the rest of its arguments with 1.2 GiB of address space, where a machine has more.
SMALL_MACHINE = (
    sys.executable,
    "-c",
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1200 << 20,) * 2); "
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def spec_of(served: Served, **work: int) -> LaunchSpec:
    port = free_port(HOST, range(21100, 21200))
    return ENGINE.launch(tiny.LLAMACPP, served, Workload(threads=1, **work), HOST, port)


def with_engine(spec: LaunchSpec, log: Path, then: Callable[[Process], Awaitable[T]]) -> T:
    """Start the engine, do something with it, stop it."""

    async def story() -> T:
        process = await start(spec, ProcessLauncher(), str(log), engine=ENGINE)
        try:
            return await then(process)
        finally:
            await process.stop()

    return asyncio.run(story())


def refusal_of(spec: LaunchSpec, log: Path) -> OstlerError:
    """The error of a start that must fail; nothing of the engine is left."""
    with pytest.raises(OstlerError) as caught:
        asyncio.run(start(spec, ProcessLauncher(), str(log), engine=ENGINE))
    assert is_free(spec.host, spec.port)
    assert caught.value.hint
    return caught.value


def chat(words: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": words}], "temperature": 0, **more}


@pytest.mark.parametrize("task", list(Task))
def test_it_is_ready_once_a_real_request_succeeded(task: Task, tmp_path: Path) -> None:
    stages: list[str] = []
    spec = spec_of(tiny.gguf(task))

    async def story() -> int:
        process = await start(
            spec, ProcessLauncher(), str(tmp_path / "log"), engine=ENGINE, report=stages.append
        )
        assert process.poll() is None
        models = (await ask(HOST, spec.port, "GET", "/v1/models")).json()
        assert models["data"][0]["id"] == spec.model.id
        return await process.stop()

    assert asyncio.run(story()) == 0
    assert [stage for stage in stages if stage != "loading"] == ["starting", "trying", "ready"]
    assert is_free(HOST, spec.port)


def test_it_answers(tmp_path: Path) -> None:
    async def story(process: Process) -> str:
        answer = await ask(
            HOST, process.spec.port, "POST", "/v1/chat/completions", chat("Say hello")
        )
        return str(answer.json()["choices"][0]["message"]["content"])

    assert with_engine(spec_of(tiny.gguf()), tmp_path / "log", story) == "hello"


def test_each_sequence_has_the_whole_context(tmp_path: Path) -> None:
    async def story(process: Process) -> list[int]:
        slots = (await ask(HOST, process.spec.port, "GET", "/slots")).json()
        return [slot["n_ctx"] for slot in slots]

    spec = spec_of(tiny.gguf(), context=512, sequences=3)
    assert with_engine(spec, tmp_path / "log", story) == [512] * 3


def test_no_web_page_may_read_the_answers(tmp_path: Path) -> None:
    async def story(process: Process) -> str:
        origin = {"Origin": "https://evil.example"}
        answer = await ask(HOST, process.spec.port, "GET", "/v1/models", headers=origin)
        return answer.headers.get("access-control-allow-origin", "")

    assert with_engine(spec_of(tiny.gguf()), tmp_path / "log", story) == ""


def test_stop_lets_a_running_stream_end(tmp_path: Path) -> None:
    async def story(process: Process) -> tuple[int, int, str]:
        asked = chat("Go on", max_tokens=300, stream=True, ignore_eos=True)
        stream = events(HOST, process.spec.port, "/v1/chat/completions", asked)
        first = await anext(stream)
        assert first["choices"]
        stopping = asyncio.create_task(process.stop())
        rest = [event async for event in stream]
        return await stopping, len(rest), rest[-1]["choices"][0]["finish_reason"]

    code, count, reason = with_engine(spec_of(tiny.gguf()), tmp_path / "log", story)
    assert (code, reason) == (0, "length")
    assert count > 100


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = refusal_of(spec_of(tiny.gguf(weights=tmp_path / "none.gguf")), tmp_path / "log")
    assert isinstance(error, EngineFailed)
    assert error.facts["cause"] == "missing_file"
    assert "none.gguf" in error.facts["evidence"]
    assert error.facts["log"] == str(tmp_path / "log")
    assert error.facts["exit_code"] == 1


@pytest.mark.parametrize("kept", [0, 3000, 200_000])
def test_a_truncated_file_is_called_corrupt(kept: int, tmp_path: Path) -> None:
    part = tmp_path / "part.gguf"
    part.write_bytes(Path(tiny.gguf().weights).read_bytes()[:kept])
    error = refusal_of(spec_of(tiny.gguf(weights=part)), tmp_path / "log")
    assert error.facts["cause"] == "corrupt_file"
    assert "ostler verify ostler/tiny-llama-GGUF" in error.hint


def test_a_file_that_is_no_gguf_is_called_corrupt(tmp_path: Path) -> None:
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"this is no model" * 1000)
    error = refusal_of(spec_of(tiny.gguf(weights=junk)), tmp_path / "log")
    assert error.facts["cause"] == "corrupt_file"


def test_an_architecture_from_the_future_is_named(tmp_path: Path) -> None:
    future = tmp_path / "future.gguf"
    whole = Path(tiny.gguf().weights).read_bytes()
    name = (5).to_bytes(8, "little")
    future.write_bytes(whole.replace(name + b"llama", name + b"xlstm", 1))
    error = refusal_of(spec_of(tiny.gguf(weights=future)), tmp_path / "log")
    assert error.facts["cause"] == "unknown_architecture"
    assert "xlstm" in error.facts["evidence"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux obeys RLIMIT_AS")
def test_a_context_that_no_memory_holds_is_named(tmp_path: Path) -> None:
    spec = spec_of(tiny.gguf(), context=4_000_000)
    error = refusal_of(replace(spec, argv=(*SMALL_MACHINE, *spec.argv)), tmp_path / "log")
    assert error.facts["cause"] == "context_too_large"
    assert "--context" in error.hint


def test_only_this_starts_lines_are_read_for_the_cause(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("CUDA out of memory, yesterday\n")
    error = refusal_of(spec_of(tiny.gguf(weights=tmp_path / "none.gguf")), log)
    assert error.facts["cause"] == "missing_file"
    assert "yesterday" in log.read_text()


def test_a_port_taken_meanwhile_is_told_by_the_engines_log(tmp_path: Path) -> None:
    """Two engines race for one port: the launcher saw it free both times."""

    async def story(process: Process) -> OstlerError:
        class Blind(ProcessLauncher):
            async def start(self, spec: LaunchSpec, log_path: str) -> Process:  # type: ignore[override]
                free = replace(spec, port=free_port(HOST, range(21200, 21300)))
                return await super().start(free, log_path)

        twin = replace(process.spec, model=replace(process.spec.model, id="other"))
        with pytest.raises(PortInUse) as caught:
            await start(twin, Blind(), str(tmp_path / "second"), engine=ENGINE)
        return caught.value

    error = with_engine(spec_of(tiny.gguf()), tmp_path / "log", story)
    assert error.facts["cause"] == "port_in_use"


def test_a_stranger_on_the_port_is_not_taken_for_the_engine(tmp_path: Path) -> None:
    async def story(process: Process) -> None:
        mine = replace(process.spec, model_name="acme/mine")
        with pytest.raises(PortInUse, match="it serves ostler/tiny-llama-GGUF"):
            await check_identity(mine)

    with_engine(spec_of(tiny.gguf()), tmp_path / "log", story)


def test_healthy_is_not_ready(tmp_path: Path) -> None:
    """An engine that says 200 on /health, lists its model and fails at the first request."""
    spec = spec_of(tiny.gguf())
    argv = (sys.executable, "-I", str(SICK), str(spec.port), spec.model.id)
    error = refusal_of(replace(spec, argv=argv, watches_parent=False), tmp_path / "log")
    assert isinstance(error, EngineFailed)
    assert "head_dim=16" in error.what


def test_an_engine_that_never_answers_is_stopped_at_its_deadline(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with puppet_spec(tmp_path) as (spec, pipe):
            with pytest.raises(StartupTimeout, match=r"within 0\.3 s") as caught:
                await start(
                    replace(spec, deadline=0.3),
                    ProcessLauncher(),
                    str(tmp_path / "log"),
                    engine=ENGINE,
                )
            assert caught.value.hint
            return await launchers.rest_of(pipe)

    assert asyncio.run(story()) == b"ready\n"


def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with puppet_spec(tmp_path) as (spec, pipe):
            starting = asyncio.create_task(
                start(spec, ProcessLauncher(), str(tmp_path / "log"), engine=ENGINE)
            )
            said = await pipe.readline()
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            return said + await launchers.rest_of(pipe)

    assert asyncio.run(story()) == b"ready\n"


@asynccontextmanager
async def puppet_spec(folder: Path) -> AsyncIterator[tuple[LaunchSpec, asyncio.StreamReader]]:
    """A puppet that never listens, and a pipe that ends with the last of its processes."""
    spec = launchers.spec_of(folder, "--child", "--daemon")
    os.mkfifo(folder / "pipe")
    async with launchers.reading(folder / "pipe") as pipe:
        yield spec, pipe


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group whose members may take 100 MiB together, where we may make one."""
    for root, limit in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
                        (Path("/sys/fs/cgroup"), "memory.max")):  # fmt: skip
        place = root / f"ostler-test-{os.getpid()}"
        try:
            place.mkdir()
            (place / limit).write_text(str(100 << 20))
        except OSError:
            continue
        yield place
        place.rmdir()
        return
    pytest.skip("no control group with a limit on memory can be made here")


def test_death_by_the_systems_hand_for_want_of_memory_is_told(
    small_group: Path, tmp_path: Path
) -> None:
    """The engine has no chance to say a word: the kernel's count of its victims does."""
    enter = f"import os, sys; open({str(small_group / 'cgroup.procs')!r}, 'w').write('0'); "
    into = (sys.executable, "-c", enter + "os.execv(sys.argv[1], sys.argv[1:])")
    spec = spec_of(tiny.gguf(), context=1_000_000)
    error = refusal_of(replace(spec, argv=(*into, *spec.argv)), tmp_path / "log")
    assert error.facts["exit_code"] == -9
    assert error.facts["cause"] == "out_of_memory"
    assert "the system killed it" in error.facts["evidence"]
    assert (tmp_path / "log").read_text().count("the system killed it") == 1
