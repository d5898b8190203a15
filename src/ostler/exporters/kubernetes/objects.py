"""All objects of one model: the same for a kustomize tree and for a Helm chart."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from ostler.core.containers import KEY_FLAGS, KEYS
from ostler.exporters.kubernetes import pulling, rights, serving
from ostler.exporters.kubernetes.cluster import GIB, MANY, Cluster, Outside, check
from ostler.nouns import LaunchSpec

Object = dict[str, Any]
STREAM_SECONDS = 600  # how long a proxy lets an answer say nothing; routers cut at 30 and 60
PULL_SECONDS_PER_GIB = 20.0  # 51 MiB/s, as the deadline of a start counts the reading


def objects(spec: LaunchSpec, cluster: Cluster) -> list[Object]:
    """Return the objects in the order in which a reader wants them. Raises UsageError.

    Raises also EngineUnsupported, where the process cannot run in a cluster.
    """
    check(cluster)
    found = [deployment(spec, cluster), service(spec, cluster), claim(cluster)]
    found.append(config_map(spec, cluster))
    if cluster.outside:
        of = route if cluster.outside.kind == "Route" else ingress
        found.append(of(cluster, cluster.outside))
    return found


def labels(cluster: Cluster) -> dict[str, str]:
    """Return what tells one model's objects from another's."""
    return {"app.kubernetes.io/name": cluster.name, "app.kubernetes.io/part-of": "ostler"}


def deployment(spec: LaunchSpec, cluster: Cluster) -> Object:
    """Return the pods: pulled once, then served."""
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # they set VLLM_PORT for a service called vllm
        "securityContext": rights.pod(cluster.openshift),
        "terminationGracePeriodSeconds": 60,
        "initContainers": [pulling.container(cluster)],
        "containers": [serving.container(spec, cluster, keys(spec))],
        "volumes": _volumes(spec, cluster),
    }
    if cluster.gpus:
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists",
                               "effect": "NoSchedule"}]  # fmt: skip
    marks = {"checksum/files": _checksum(config_map(spec, cluster)["data"])}
    meta = {"labels": labels(cluster), "annotations": marks}
    body = {
        "replicas": cluster.replicas,
        "progressDeadlineSeconds": _patience(spec, cluster),
        "selector": {"matchLabels": labels(cluster)},
        "strategy": _strategy(cluster),
        "template": {"metadata": meta, "spec": pod},
    }
    return _object("apps/v1", "Deployment", cluster, spec=body)


def service(spec: LaunchSpec, cluster: Cluster) -> Object:
    """Return the address within the cluster."""
    names = ("http", *spec.also)
    ports = {"http": spec.port, **spec.also}
    body = {
        "selector": labels(cluster),
        "ports": [{"name": name, "port": ports[name], "targetPort": name} for name in names],
    }
    return _object("v1", "Service", cluster, spec=body)


def claim(cluster: Cluster) -> Object:
    """Return the volume with the weights; it outlives the pods, so they are pulled once."""
    body: dict[str, Any] = {
        "accessModes": [cluster.access],
        "resources": {"requests": {"storage": f"{cluster.storage // GIB}Gi"}},
    }
    if cluster.storage_class:
        body["storageClassName"] = cluster.storage_class
    return _object("v1", "PersistentVolumeClaim", cluster, "-weights", spec=body)


def config_map(spec: LaunchSpec, cluster: Cluster) -> Object:
    """Return the small files: the pull's script, and those that the engine reads."""
    data = {pulling.SCRIPT: pulling.TEXT}
    data |= {keys(spec)[name]: text for name, text in spec.files.items()}
    return _object("v1", "ConfigMap", cluster, "-files", data=data)


def route(cluster: Cluster, outside: Outside) -> Object:
    """Return OpenShift's way in: encrypted, and patient with an answer that takes its time."""
    body = {
        "host": outside.host,
        "to": {"kind": "Service", "name": cluster.name},
        "port": {"targetPort": "http"},
        "tls": {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"},
    }
    patience = {"haproxy.router.openshift.io/timeout": f"{STREAM_SECONDS}s"}
    found = _object("route.openshift.io/v1", "Route", cluster, spec=body)
    found["metadata"]["annotations"] = patience
    return found


def ingress(cluster: Cluster, outside: Outside) -> Object:
    """Return the way in of other clusters; the annotations are those of the nginx controller."""
    backend = {"service": {"name": cluster.name, "port": {"name": "http"}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    body: dict[str, Any] = {"rules": [{"host": outside.host, "http": {"paths": paths}}]}
    if outside.ingress_class:
        body["ingressClassName"] = outside.ingress_class
    if outside.tls_secret:
        body["tls"] = [{"hosts": [outside.host], "secretName": outside.tls_secret}]
    found = _object("networking.k8s.io/v1", "Ingress", cluster, spec=body)
    found["metadata"]["annotations"] = {
        "nginx.ingress.kubernetes.io/proxy-buffering": "off",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": str(STREAM_SECONDS),
    }
    return found


def keys(spec: LaunchSpec) -> dict[str, str]:
    """Return the ConfigMap's key for each file: its last name, or all of it where two share it."""
    names = {path: path.rpartition("/")[2] for path in spec.files}
    taken = [pulling.SCRIPT, *names.values()]
    return {
        path: name if taken.count(name) == 1 else path.replace("/", "__")
        for path, name in names.items()
    }


def _volumes(spec: LaunchSpec, cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "weights", "persistentVolumeClaim": {"claimName": f"{cluster.name}-weights"}},
        {"name": "files", "configMap": {"name": f"{cluster.name}-files"}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": serving.SHARED}},
    ]
    if cluster.key and spec.engine in KEY_FLAGS:
        items = [{"key": cluster.key.key, "path": KEYS}]
        found.append({"name": "keys", "secret": {"secretName": cluster.key.name, "items": items}})
    return found


def _strategy(cluster: Cluster) -> dict[str, Any]:
    """A new pod needs the old one's GPU and volume, so the old one goes first."""
    if cluster.access != MANY:
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def _patience(spec: LaunchSpec, cluster: Cluster) -> int:
    """How long the pull and the start may take before the Deployment counts as failed."""
    return math.ceil(spec.deadline + PULL_SECONDS_PER_GIB * cluster.storage / GIB)


def _checksum(data: Mapping[str, str]) -> str:
    """Changed files make new pods, which a ConfigMap alone does not."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def _object(version: str, kind: str, cluster: Cluster, ending: str = "", **body: Any) -> Object:
    meta = {"name": f"{cluster.name}{ending}", "labels": labels(cluster)}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **body}
