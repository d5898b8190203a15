"""The engine's container: the very words that Ostler would run, and how its health is asked."""

from __future__ import annotations

import math
from typing import Any

from ostler.core.containers import KEY_FLAGS, KEYS
from ostler.errors import EngineUnsupported
from ostler.exporters.kubernetes import rights
from ostler.exporters.kubernetes.cluster import Cluster
from ostler.exporters.kubernetes.pulling import from_secret
from ostler.nouns import LaunchSpec
from ostler.nouns.containers import SECRETS

PERIOD = 10  # seconds between two looks
DRAIN = 10  # seconds in which a pod that is to end gets no new requests, and may finish its own
SHARED = "1Gi"  # what the ranks of one model, or Triton and its backend, hand each other
KEY_VARIABLES = {"vllm": "VLLM_API_KEY"}  # engines that read callers' keys from the environment


def container(spec: LaunchSpec, cluster: Cluster, keys: dict[str, str]) -> dict[str, Any]:
    """Return the container. `keys` are the ConfigMap's, by the name of the file in the folder.

    Raises EngineUnsupported for an engine that needs links, or that cannot read keys.
    """
    if spec.links:
        raise EngineUnsupported(
            f"{spec.engine} is not written down for a cluster; it has no image of its makers'.",
            hint="Take --engine vllm, sglang, triton or llamacpp.",
        )
    arguments = [*spec.argv[cluster.words :], *_key_words(spec, cluster)]
    return {
        "name": spec.engine,
        "image": cluster.image,
        "command": list(spec.argv[: cluster.words]),
        "args": arguments,
        "env": _environment(spec, cluster),
        "ports": _ports(spec),
        "startupProbe": _probe(spec) | {"failureThreshold": math.ceil(spec.deadline / PERIOD)},
        "readinessProbe": _probe(spec),
        "livenessProbe": _probe(spec) | {"failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN)]}}},
        "resources": _resources(cluster),
        "securityContext": rights.container(),
        "volumeMounts": _mounts(spec, cluster, keys),
    }


def needs_key(spec: LaunchSpec) -> bool:
    """Whether the engine can be told which keys callers must send."""
    return spec.engine in KEY_FLAGS or spec.engine in KEY_VARIABLES


def _key_words(spec: LaunchSpec, cluster: Cluster) -> list[str]:
    if not cluster.key:
        return []
    if not needs_key(spec):
        raise EngineUnsupported(
            f"{spec.engine} reads keys from its command line only, where others can read them.",
            hint="Leave --api-key-secret out and let `ostler serve` ask for keys before it: "
            "`ostler keys create NAME` makes one.",
        )
    flag = KEY_FLAGS.get(spec.engine)
    return [flag, f"{SECRETS}/{KEYS}"] if flag else []


def _environment(spec: LaunchSpec, cluster: Cluster) -> list[dict[str, Any]]:
    # An assigned user has no name and no home, and libraries ask for both.
    said = {"HOME": rights.SCRATCH, "USER": "ostler", **spec.env}
    found: list[dict[str, Any]] = [{"name": name, "value": said[name]} for name in sorted(said)]
    variable = KEY_VARIABLES.get(spec.engine)
    if cluster.key and variable:
        found.append(from_secret(variable, cluster.key))
    return found


def _ports(spec: LaunchSpec) -> list[dict[str, Any]]:
    ports = {"http": spec.port, **spec.also}
    return [{"name": name, "containerPort": port} for name, port in ports.items()]


def _probe(spec: LaunchSpec) -> dict[str, Any]:
    return {
        "httpGet": {"path": spec.health_path, "port": "http"},
        "periodSeconds": PERIOD,
        "timeoutSeconds": 5,
    }


def _resources(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = {"requests": {"cpu": "1"}}
    if cluster.memory:
        found["requests"]["memory"] = f"{math.ceil(cluster.memory / (1 << 20))}Mi"
    if cluster.gpus:
        found["limits"] = {"nvidia.com/gpu": cluster.gpus}
    return found


def _mounts(spec: LaunchSpec, cluster: Cluster, keys: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "weights", "mountPath": cluster.home, "readOnly": True},
        {"name": "tmp", "mountPath": rights.SCRATCH},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - the pod's own
    ]
    for name in spec.files:
        # One by one: a ConfigMap's own folder has links in it that Triton would take for models.
        place = f"{spec.cwd}/{name}"
        found.append({"name": "files", "mountPath": place, "subPath": keys[name], "readOnly": True})
    if cluster.key and spec.engine in KEY_FLAGS:
        found.append({"name": "keys", "mountPath": f"{SECRETS}/{KEYS}", "subPath": KEYS,
                      "readOnly": True})  # fmt: skip
    return found
