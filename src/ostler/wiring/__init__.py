"""The only package that names an engine, a source or a launcher; faces ask here for them.

Its files are read when something of theirs is first asked for: `ostler ls` needs one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        has_token,
        origin,
        source,
        source_of,
        token_file,
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
    "has_token",
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
    "token_file",
    "tools",
]

READ_LATE = ("homes", "hubs", "machines", "launchers")


def __getattr__(name: str) -> Any:
    for module in READ_LATE if name in __all__ else ():
        found = getattr(import_module(f"ostler.wiring.{module}"), name, None)
        if found is not None:
            return globals().setdefault(name, found)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
