"""The objects as a folder for `kubectl apply -k`."""

from __future__ import annotations

from collections.abc import Mapping

from ostler.exporters.blocks import dumped
from ostler.exporters.kubernetes.cluster import Cluster
from ostler.exporters.kubernetes.objects import objects
from ostler.nouns import LaunchSpec

HEAD = "# Written by `ostler export kubernetes`; its command is what Ostler would run.\n"
FILES = {
    "Deployment": "deployment.yaml",
    "Service": "service.yaml",
    "PersistentVolumeClaim": "volume.yaml",
    "ConfigMap": "files.yaml",
    "Route": "route.yaml",
    "Ingress": "ingress.yaml",
}


def tree(spec: LaunchSpec, cluster: Cluster) -> Mapping[str, str]:
    """Return the folder's files by name. Raises UsageError, EngineUnsupported."""
    found = {FILES[one["kind"]]: HEAD + dumped(one) for one in objects(spec, cluster)}
    index = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(found),
    }
    return {"kustomization.yaml": HEAD + dumped(index), **found}
