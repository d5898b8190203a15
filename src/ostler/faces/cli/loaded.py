"""What the server of this home has loaded, so that it is not taken away under its feet."""

from __future__ import annotations

from ostler import wiring
from ostler.core.naming import find, served_names
from ostler.faces.cli import server
from ostler.settings import Settings

AT_REST = ("failed", "stopped")  # states without a process


def loaded(settings: Settings) -> frozenset[tuple[str, str]]:
    """Return (commit, weight file) of every model that has a process; none without a server."""
    found = server.running(settings)
    if not found:
        return frozenset()
    names = served_names(wiring.store(settings).models())
    held = [find(names, str(one["id"])) for one in server.ask(found, "GET", "/api/models")
            if one["state"] not in AT_REST]  # fmt: skip
    return frozenset(
        (one.manifest.commit, path) for one in held if one for path in one.variant.files
    )
