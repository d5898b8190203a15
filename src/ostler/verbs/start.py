"""Start an engine: launch it, wait until it gives a real answer, or say why it does not."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from contextlib import suppress

from ostler.core.diagnosis import named, unknown
from ostler.errors import EngineFailed, OstlerError, PortInUse, StartupTimeout
from ostler.nouns import Diagnosis, LaunchSpec
from ostler.ports import Engine, Launcher, Process
from ostler.verbs.asking import Answer, ask
from ostler.verbs.trial import trial

FIRST_WAIT, LONGEST_WAIT, SLOWER = 0.003, 0.25, 1.15  # seconds between two looks; the growth
HEADER = re.compile(r"=== \S+ ostler starts\b")  # as launchers write it before each start
LOG_TAIL = 64 << 10  # bytes of the log's end that are read for a cause

Report = Callable[[str], None]


async def start(
    spec: LaunchSpec,
    launcher: Launcher,
    log_path: str,
    *,
    engine: Engine,
    report: Report = lambda stage: None,
) -> Process:
    """Return the running engine once a real request of the model's kind succeeded.

    `report` is told "starting", "loading", "trying", "ready". Raises EngineFailed, PortInUse or
    StartupTimeout with the cause from the log; then, and when cancelled, the process is stopped.
    """
    mark = size_of(log_path)
    report("starting")
    process = await launcher.start(spec, log_path)
    ready = asyncio.create_task(until_ready(process, report))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait(
            {ready, ended}, timeout=spec.deadline, return_when=asyncio.FIRST_COMPLETED
        )
        if ready.done() and process.poll() is None:
            ready.result()
            report("ready")
            return process
        code = await ended if ended.done() else process.poll()
        raise failure(process, engine, mark, code)
    except BaseException:
        await process.stop()
        raise
    finally:
        for task in (ready, ended):
            task.cancel()
            with suppress(asyncio.CancelledError, OstlerError):
                await task


async def until_ready(process: Process, report: Report) -> None:
    """Wait until the engine answers under the model's name. Raises EngineFailed, PortInUse."""
    spec = process.spec
    await until_healthy(spec, report)
    await check_identity(spec)
    report("trying")
    wait = FIRST_WAIT
    while True:
        tried = await trial(
            spec.host,
            spec.port,
            spec.model_name,
            spec.model.task,
            chat_template=spec.model.facts.chat_template,
            patience=spec.deadline,
        )
        if tried.ok:
            return
        if tried.status not in (None, 503):  # those mean: still loading, or just dying
            raise EngineFailed(
                f"{spec.engine} runs, but {spec.model.id} does not answer: {tried.what}",
                hint=f"Read its log: `ostler logs {spec.model.id}`.",
                cause="request_failed",
            )
        wait = await pause(wait)


async def until_healthy(spec: LaunchSpec, report: Report) -> None:
    """Look at the health path until it says 200; at first every few milliseconds."""
    wait, told = FIRST_WAIT, False
    while True:
        answer = await look(spec, spec.health_path)
        if answer and answer.status == 200:
            return
        if answer and not told:
            report("loading")
            told = True
        wait = await pause(wait)


async def pause(seconds: float) -> float:
    """Wait, and return how long to wait the next time."""
    await asyncio.sleep(seconds)
    return min(seconds * SLOWER, LONGEST_WAIT)


async def look(spec: LaunchSpec, path: str) -> Answer | None:
    """GET a path of the engine; None where nobody answers yet."""
    with suppress(OSError):
        return await ask(spec.host, spec.port, "GET", path, patience=10.0)
    return None


async def check_identity(spec: LaunchSpec) -> None:
    """Refuse a stranger on the port: one that lists models, and not ours. Raises PortInUse."""
    answer = await look(spec, "/v1/models")
    said = answer.json() if answer and answer.status == 200 else None
    data = said.get("data") if isinstance(said, dict) else None
    listed = [model for model in data or () if isinstance(model, dict)]
    names = {str(name) for one in listed for name in (one.get("id"), *(one.get("aliases") or ()))}
    ours = {spec.model_name, spec.model.folder}  # mlx names its model by the folder
    if names and not names & ours:
        raise PortInUse(
            f"Another program answers on {spec.host}:{spec.port}; it serves {sorted(names)[0]}.",
            hint="`ostler ps` shows what Ostler runs; set OSTLER_ENGINE_PORTS to a free range.",
            port=spec.port,
        )


def failure(process: Process, engine: Engine, mark: int, code: int | None) -> OstlerError:
    """The error for an engine that died (`code` is known) or was too slow (it is None)."""
    spec = process.spec
    log = tail(process.log_path, mark)
    found = engine.diagnose(log, code) or (unknown(log, code) if code is not None else None)
    cause = named(found, spec.model.id) if found else None
    what, hint = (cause.what, cause.advice) if cause else ("", f"`ostler logs {spec.model.id}`")
    facts = {"log": process.log_path, "exit_code": code} | as_facts(cause)
    if code is None:
        late = f"{spec.engine} gave no answer for {spec.model.id} within {spec.deadline:g} s."
        longer = f"{hint}; `deadline` in ostler.yaml gives it longer"
        return StartupTimeout(f"{late} {what}".strip(), hint=hint if cause else longer, **facts)
    kind = PortInUse if cause and cause.cause == "port_in_use" else EngineFailed
    died = f"{spec.engine} died while it started {spec.model.id}."
    return kind(f"{died} {what}".strip(), hint=hint, **facts)


def as_facts(cause: Diagnosis | None) -> dict[str, str]:
    """The diagnosis as data."""
    return {"cause": cause.cause, "evidence": cause.evidence} if cause else {"cause": "unknown"}


def size_of(log_path: str) -> int:
    """Where the next start's lines will begin."""
    try:
        return os.stat(log_path).st_size
    except FileNotFoundError:
        return 0


def tail(log_path: str, mark: int) -> list[str]:
    """The end of the log: what the last start in it wrote, from `mark` on."""
    try:
        with open(log_path, "rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(max(mark if mark <= size else 0, size - LOG_TAIL))
            lines = log.read(LOG_TAIL).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    begins = [at for at, line in enumerate(lines) if HEADER.match(line)]
    return lines[begins[-1] + 1 :] if begins else lines
