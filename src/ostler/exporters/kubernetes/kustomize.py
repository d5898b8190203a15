"""The objects as a folder for `kubectl apply -k`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

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


# libyaml's is eight times as fast; where PyYAML was built without it, its own writes the same.
FASTEST: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(FASTEST):  # type: ignore[misc, valid-type]
    """Writes texts of several lines as blocks, and everything where it stands."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def tree(spec: LaunchSpec, cluster: Cluster) -> Mapping[str, str]:
    """Return the folder's files by name. Raises UsageError, EngineUnsupported."""
    found = {FILES[one["kind"]]: HEAD + dumped(one) for one in objects(spec, cluster)}
    index = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(found),
    }
    return {"kustomization.yaml": HEAD + dumped(index), **found}


def dumped(value: Any) -> str:
    """Return a value as YAML."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
