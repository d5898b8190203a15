"""Ostler finds, proves, keeps and serves open language models.

`Ostler` and `AsyncOstler` are clients of a running server; `Lamini` is one with Lamini's calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ostler.version import __version__

if TYPE_CHECKING:
    from ostler.faces.client.client import AsyncOstler, Ostler
    from ostler.faces.client.lamini import Lamini

__all__ = ["AsyncOstler", "Lamini", "Ostler", "__version__"]


def __getattr__(name: str) -> Any:
    """Load a client when it is first asked for: the command line starts without one."""
    from importlib import import_module

    homes = {"Ostler": "client", "AsyncOstler": "client", "Lamini": "lamini"}
    if name not in homes:
        raise AttributeError(f"module 'ostler' has no attribute {name!r}")
    return getattr(import_module(f"ostler.faces.client.{homes[name]}"), name)
