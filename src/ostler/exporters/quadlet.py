"""A quadlet: a container as a unit of systemd, which Podman's generator reads (Podman 4.4 on)."""

from __future__ import annotations

from ostler.core.containers import SECRETS
from ostler.exporters.systemd import quoted, setting
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
        *(setting(key, value) for key, value in one.env.items()),
        f"User={one.user.partition(':')[0]}",
        f"Group={one.user.partition(':')[2]}",
        f"PublishPort=127.0.0.1:{one.published}:{one.port}",
        *(f"PublishPort=127.0.0.1:{port}:{port}" for port in one.also),
        *(f"Mount=type=bind,source={escaped(m.source)},destination={escaped(m.target)},ro=true"
          for m in one.mounts),
        *(f"Mount=type=bind,source={escaped(file)},destination={SECRETS}/{key},ro=true"
          for key, file in one.secrets.items()),
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
    options += [f"--health-cmd={_command(one.probe)}", "--health-interval=10s"]
    options += [f"--health-start-period={one.patience:.0f}s", "--health-retries=3"]
    return [f"PodmanArgs={quoted(word, dollar='$')}" for word in options]


def _command(words: tuple[str, ...]) -> str:
    """A health command as Podman reads it without a shell: a JSON list."""
    import json

    return json.dumps(list(words))


def _words(words: tuple[str, ...]) -> str:
    return " ".join(quoted(word) for word in words)


def escaped(text: str) -> str:
    """Write a text as a unit reads it back: a per cent sign begins a name of systemd's."""
    return text.replace("%", "%%")


def file_name(name: str) -> str:
    """Return the file's name."""
    return f"{name}.container"
