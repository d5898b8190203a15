"""The only package that names an engine, a source or a launcher; faces ask here for them."""

from __future__ import annotations

from ostler.wiring.homes import (
    benchmarks,
    has_records,
    log_path,
    named,
    notes,
    records,
    store,
)
from ostler.wiring.hubs import (
    greeting,
    origin,
    source,
    source_of,
)
from ostler.wiring.launchers import (
    began,
    composed,
    contained,
    container_socket,
    containers,
    engine_port,
    launcher,
    running,
    sweep,
)
from ostler.wiring.machines import (
    devices,
    engine,
    engines,
    gpuhunt_items,
    installed,
    machine,
    reading,
    tools,
)

__all__ = [
    "began",
    "benchmarks",
    "composed",
    "contained",
    "container_socket",
    "containers",
    "devices",
    "engine",
    "engine_port",
    "engines",
    "gpuhunt_items",
    "greeting",
    "has_records",
    "installed",
    "launcher",
    "log_path",
    "machine",
    "named",
    "notes",
    "origin",
    "reading",
    "records",
    "running",
    "source",
    "source_of",
    "store",
    "sweep",
    "tools",
]
