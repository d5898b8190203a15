"""A container to be, as the body of the request that makes it: Docker's, or Podman's own. Pure."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from ostler.nouns import Container

LOG = {"Type": "json-file", "Config": {"max-size": "16m", "max-file": "2"}}  # beside our own
NO_LIMIT = 2**64 - 1  # as the runtime's specification has it
SCRATCH = ("exec", "mode=1777")


def docker(one: Container, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return what `POST /containers/create` is sent."""
    ports = {f"{inside}/tcp": str(outside) for outside, inside in one.ports}
    gpus = {"DeviceIDs": list(one.gpus), "Capabilities": [["gpu"]]}
    return {
        "Image": one.image,
        "Entrypoint": list(one.entrypoint),
        "Cmd": list(one.command),
        "Env": [f"{name}={value}" for name, value in one.env.items()],
        "User": one.user,
        "WorkingDir": one.cwd or "",
        "Labels": dict(labels),
        "ExposedPorts": {port: {} for port in ports},
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["NONE"]},  # we ask for its health ourselves, with real requests
        "HostConfig": {
            "Mounts": [
                {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}
                for source, target in one.binds
            ],
            "Tmpfs": dict.fromkeys(one.scratch, ",".join(SCRATCH)),
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ShmSize": one.shm_bytes,
            **({"Memory": one.memory, "MemorySwap": one.memory} if one.memory else {}),
            "Ulimits": [
                {"Name": name, "Soft": limit, "Hard": limit} for name, limit in one.ulimits.items()
            ],
            "PortBindings": {
                port: [{"HostIp": "127.0.0.1", "HostPort": outside}]
                for port, outside in ports.items()
            },
            "Init": True,  # passes SIGTERM on, and collects what dies
            "RestartPolicy": {"Name": "no"},
            "LogConfig": LOG,
            **({"DeviceRequests": [gpus]} if one.gpus else {}),
        },
    }


def podman(one: Container, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return what `POST /libpod/containers/create` is sent.

    Podman takes Docker's request too, but no GPU with it: before version 5 it drops the request
    for one without a word.
    """
    binds = [
        {"destination": target, "source": source, "type": "bind", "options": ["rbind", "ro"]}
        for source, target in one.binds
    ]
    scratch = [
        {"destination": place, "source": "tmpfs", "type": "tmpfs", "options": list(SCRATCH)}
        for place in one.scratch
    ]
    limits = {name: NO_LIMIT if limit < 0 else limit for name, limit in one.ulimits.items()}
    memory = {"memory": {"limit": one.memory, "swap": one.memory}} if one.memory else {}
    return {
        "image": one.image,
        "entrypoint": list(one.entrypoint),
        "command": list(one.command),
        "env": dict(one.env),
        "user": one.user,
        "work_dir": one.cwd or "/",
        "labels": dict(labels),
        "stop_signal": int(signal.SIGTERM),
        "mounts": [*binds, *scratch],
        "read_only_filesystem": True,
        "cap_drop": ["ALL"],
        "no_new_privileges": True,
        "shm_size": one.shm_bytes,
        "resource_limits": memory,
        "r_limits": [
            {"type": name, "soft": limit, "hard": limit} for name, limit in limits.items()
        ],
        "portmappings": [
            {
                "host_ip": "127.0.0.1",
                "host_port": outside,
                "container_port": inside,
                "protocol": "tcp",
            }
            for outside, inside in one.ports
        ],
        "init": True,
        "restart_policy": "no",
        "devices": [{"path": f"nvidia.com/gpu={gpu}"} for gpu in one.gpus],
    }
