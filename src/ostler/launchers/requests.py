"""A container to be, as the body of the API's request that makes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostler.nouns import Container

LOG = {"Type": "json-file", "Config": {"max-size": "16m", "max-file": "2"}}  # beside our own


def config(one: Container, labels: Mapping[str, str], *, podman: bool = False) -> dict[str, Any]:
    """Return what `POST /containers/create` is sent."""
    ports = {f"{inside}/tcp": str(outside) for outside, inside in one.ports}
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
        # We ask for its health ourselves, with real requests; Podman needs no word against its own.
        **({} if podman else {"Healthcheck": {"Test": ["NONE"]}}),
        "HostConfig": {
            "Mounts": [
                {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}
                for source, target in one.binds
            ],
            "Tmpfs": dict.fromkeys(one.scratch, "exec,mode=1777"),
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
            **({} if podman else {"LogConfig": LOG}),
            **_gpus(one, podman),
        },
    }


def _gpus(one: Container, podman: bool) -> dict[str, Any]:
    if not one.gpus:
        return {}
    if podman:  # it drops Docker's way of asking without a word
        names = [f"nvidia.com/gpu={gpu}" for gpu in one.gpus]
        return {"Devices": [{"PathOnHost": name, "PathInContainer": name} for name in names]}
    return {"DeviceRequests": [{"DeviceIDs": list(one.gpus), "Capabilities": [["gpu"]]}]}
