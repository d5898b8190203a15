"""Containers that `docker compose` started from a file, told by the labels that it gives them."""

from __future__ import annotations

from collections.abc import Iterable

from ostler.core.drift import Composed
from ostler.launchers.docker import Docker

FILES, SERVICE = "com.docker.compose.project.config_files", "com.docker.compose.service"


async def composed(socket: str, paths: Iterable[str]) -> list[Composed]:
    """Return the containers of these files, running or not. Raises ContainersUnavailable."""
    docker, found = Docker(socket), []
    try:
        for path in paths:
            for id, labels in await docker.labelled(f"{FILES}={path}"):
                end = await docker.inspect(id)
                if end:
                    found.append(Composed(path, labels.get(SERVICE, ""), end.running, end.code))
    finally:
        await docker.close()
    return found
