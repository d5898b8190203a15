"""A Compose file that starts exactly the process Ostler would start, in a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ostler.nouns import LaunchSpec

HEAD = "# Written by `ostler export compose`; its command is what Ostler would run.\n"
SCRATCH = "/tmp"  # noqa: S108 - in the container's own memory, nobody shares it


@dataclass(frozen=True, slots=True)
class Place:
    """What the container gets of the host."""

    image: str  # pinned by its digest
    store: str  # the folder with the weights; read-only, at its own path, so that paths agree
    user: str  # "uid:gid" of the store's owner, who alone may read it
    gpus: Sequence[str] = ()  # device ids
    published: int = 8000  # on the host's loopback


def document(name: str, spec: LaunchSpec, first_words: int, place: Place) -> str:
    """Return the Compose file for one model.

    `first_words` of the command are the program, which replaces the image's own entry point.
    """
    content = {"services": {name: service(spec, first_words, place)}}
    return HEAD + yaml.safe_dump(content, sort_keys=False, width=100)


def service(spec: LaunchSpec, first_words: int, place: Place) -> dict[str, Any]:
    """Return one service, as it stands under `services:`."""
    found: dict[str, Any] = {
        "image": place.image,
        "entrypoint": list(spec.argv[:first_words]),
        "command": list(spec.argv[first_words:]),
        "environment": {"HOME": SCRATCH, **dict(sorted(spec.env.items()))},
        "volumes": [f"{place.store}:{place.store}:ro"],
        "ports": [f"127.0.0.1:{place.published}:{spec.port}"],
        "healthcheck": healthcheck(spec, first_words),
        "restart": "unless-stopped",
        "user": place.user,
        "read_only": True,
        "tmpfs": [SCRATCH],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "shm_size": "1gb",
    }
    if place.gpus:
        devices = {"driver": "nvidia", "device_ids": list(place.gpus), "capabilities": ["gpu"]}
        found["deploy"] = {"resources": {"reservations": {"devices": [devices]}}}
    return found


def healthcheck(spec: LaunchSpec, first_words: int) -> dict[str, Any]:
    """Ask the health path; until the deadline of its start, a failure does not count."""
    url = f"http://127.0.0.1:{spec.port}{spec.health_path}"
    if first_words > 1:  # a Python module: its interpreter is there, curl may not be
        probe = f"import urllib.request as u; u.urlopen({url!r}, timeout=5)"
        test = ["CMD", spec.argv[0], "-c", probe]
    else:
        test = ["CMD", "curl", "--fail", "--silent", url]
    return {
        "test": test,
        "interval": "10s",
        "timeout": "6s",
        "retries": 3,
        "start_period": f"{spec.deadline:.0f}s",
    }
