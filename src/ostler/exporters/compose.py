"""A Compose file that starts exactly the process Ostler would start, in a container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ostler.exporters.blocks import FASTEST
from ostler.nouns import Container

HEAD = "# Written by `ostler export compose`; its commands are what Ostler would run.\n"


@dataclass(frozen=True, slots=True)
class Manner:
    """How the services stand in their project."""

    profiles: Sequence[str] = ()  # started only when one of them is asked for; empty: always
    network: str | None = None  # one that exists and is not the project's own
    restart: str = "unless-stopped"


def document(services: Mapping[str, Container], manner: Manner | None = None) -> str:
    """Return the Compose file for these containers, by the names of their services."""
    return HEAD + yaml.dump(content(services, manner), Dumper=FASTEST, sort_keys=False, width=100)


def content(services: Mapping[str, Container], manner: Manner | None = None) -> dict[str, Any]:
    """Return the file as values."""
    how = manner or Manner()
    found: dict[str, Any] = {
        "services": {name: service(name, one, how) for name, one in services.items()}
    }
    files = {name: file for one in services.values() for name, file in one.secrets.items()}
    if files:
        found["secrets"] = {name: {"file": file} for name, file in files.items()}
    if how.network:
        found["networks"] = {how.network: {"external": True}}
    return found


def service(name: str, one: Container, manner: Manner | None = None) -> dict[str, Any]:
    """Return one service, as it stands under `services:`."""
    how = manner or Manner()
    found: dict[str, Any] = {"image": one.image, "container_name": name}
    if how.profiles:
        found["profiles"] = list(how.profiles)
    found |= {
        "entrypoint": _plain(one.entrypoint),
        "command": _plain(one.command),
        "environment": {key: _escaped(value) for key, value in one.env.items()},
        "volumes": [
            {"type": "bind", "source": _escaped(m.source), "target": _escaped(m.target),
             "read_only": True, "bind": {"create_host_path": False}}
            for m in one.mounts
        ],
        "ports": [f"127.0.0.1:{outside}:{inside}" for outside, inside in one.ports],
        "healthcheck": {
            "test": ["CMD", *_plain(one.probe)],
            "interval": "10s",
            "timeout": "6s",
            "retries": 3,
            "start_period": f"{one.patience:.0f}s",
        },
        "restart": how.restart,
        "init": True,
        "stop_grace_period": f"{one.grace}s",
        "user": one.user,
        "read_only": True,
        "tmpfs": [f"{folder}:exec,mode=1777" for folder in one.scratch],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "shm_size": one.shm_bytes,
        "logging": {"driver": "json-file", "options": {"max-size": "16m", "max-file": "3"}},
    }  # fmt: skip
    return found | _further(one, how)


def _further(one: Container, how: Manner) -> dict[str, Any]:
    """What not every service has."""
    found: dict[str, Any] = {}
    if one.cwd:
        found["working_dir"] = _escaped(one.cwd)
    if one.memory:
        found["mem_limit"] = found["memswap_limit"] = one.memory
    if one.ulimits:
        found["ulimits"] = dict(one.ulimits)
    if one.secrets:
        found["secrets"] = list(one.secrets)
    if how.network:
        found["networks"] = [how.network]
    if one.gpus:
        devices = {"driver": "nvidia", "device_ids": list(one.gpus), "capabilities": ["gpu"]}
        found["deploy"] = {"resources": {"reservations": {"devices": [devices]}}}
    return found


def _plain(words: Sequence[str]) -> list[str]:
    return [_escaped(word) for word in words]


def _escaped(text: str) -> str:
    """Write a text as Compose reads it back: a dollar begins the name of a variable."""
    return text.replace("$", "$$")
