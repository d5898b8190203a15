"""A quadlet: a container as a unit of systemd, which Podman's generator reads (Podman 4.4 on).

The generator copies values into the unit's command, where a dollar begins a variable: so it is
written twice everywhere.
"""

from __future__ import annotations

import json

from ostler.exporters.commands import mount
from ostler.exporters.systemd import quoted
from ostler.nouns import Container


def quadlet(one: Container, name: str, model: str) -> str:
    """Return the text of `NAME.container`."""
    lines = [
        "[Unit]",
        f"Description={escaped(model)} in a container, written by Ostler",
        "After=network-online.target",
        "Wants=network-online.target",
        "",
        "[Container]",
        f"ContainerName={name}",
        f"Image={one.image}",
        f"Exec={_words((*one.entrypoint[1:], *one.command))}",
        *(f"Environment={quoted(f'{key}={value}')}" for key, value in one.env.items()),
        f"User={one.user.partition(':')[0]}",
        f"Group={one.user.partition(':')[2]}",
        *(f"PublishPort=127.0.0.1:{outside}:{inside}" for outside, inside in one.ports),
        *(f"Mount={quoted(mount(*pair))}" for pair in one.binds),
        *(f"Tmpfs={folder}:exec,mode=1777" for folder in one.scratch),
        "ReadOnly=true",
        "RunInit=true",
        "DropCapability=ALL",
        "NoNewPrivileges=true",
        *(f"AddDevice=nvidia.com/gpu={index}" for index in one.gpus),
        *([f"WorkingDir={escaped(one.cwd)}"] if one.cwd else []),
        *_podman(one),
        "",
        "[Service]",
        "Restart=on-failure",
        "RestartSec=5",
        f"TimeoutStartSec={max(one.patience, 60):.0f}",
        f"TimeoutStopSec={one.grace + 5}",
        "",
        "[Install]",
        "WantedBy=multi-user.target default.target",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _podman(one: Container) -> list[str]:
    """Options that Podman has and the first version of the format has no key for."""
    options = [f"--entrypoint={one.entrypoint[0]}", f"--shm-size={one.shm_bytes}"]
    options += [f"--stop-timeout={one.grace}"]
    options += [f"--ulimit={name}={value}" for name, value in one.ulimits.items()]
    options += [f"--memory={one.memory}"] if one.memory else []
    options += [f"--health-cmd={json.dumps(list(one.probe))}", "--health-interval=10s"]
    options += [f"--health-start-period={one.patience:.0f}s", "--health-retries=3"]
    return [f"PodmanArgs={quoted(word)}" for word in options]


def _words(words: tuple[str, ...]) -> str:
    return " ".join(quoted(word) for word in words)


def escaped(text: str) -> str:
    """Write a text as a unit reads it back: a per cent sign begins a name of systemd's."""
    return text.replace("%", "%%")
