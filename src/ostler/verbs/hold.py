"""Hold one model's engine for as long as a caller needs it, and leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ostler.ports import Launcher, Process
from ostler.verbs.chat import Endpoint
from ostler.verbs.prepare import Prepared
from ostler.verbs.start import start

HOST = "127.0.0.1"


@asynccontextmanager
async def held(
    prepared: Prepared,
    launcher: Launcher,
    port: int,
    log_path: str,
    report: Callable[[str], None] = lambda stage: None,
) -> AsyncIterator[tuple[Process, Endpoint]]:
    """Start the engine, give where it answers, and stop it at the end.

    Raises EngineFailed, PortInUse, StartupTimeout.
    """
    spec = prepared.launch(launcher.listens, port)
    process = await start(spec, launcher, log_path, engine=prepared.engine, report=report)
    try:
        yield process, Endpoint(process.spec.host, process.spec.port, spec.model_name)
    finally:
        await process.stop()
