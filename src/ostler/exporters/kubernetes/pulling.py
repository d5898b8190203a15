"""The init container: Ostler itself pulls and proves the model, once."""

from __future__ import annotations

from typing import Any

from ostler.exporters.kubernetes import rights
from ostler.exporters.kubernetes.cluster import Cluster, SecretKey

FOLDER, SCRIPT = "/etc/ostler", "pull.sh"
# The commit is part of the reference, so what is here stays right whatever the hub has now: a
# second run asks no hub, and a pod starts again while the hub is down.
TEXT = """\
#!/bin/sh
# Fetch the model, prove every byte, keep it. Where it is kept already, nothing is done.
set -eu
if ostler pull "$OSTLER_MODEL" --offline >/dev/null 2>&1; then
  echo "$OSTLER_MODEL is here; nothing to do."
  exit 0
fi
exec ostler pull "$OSTLER_MODEL"
"""
TOKEN = "HF_TOKEN"  # noqa: S105 - a variable's name


def container(cluster: Cluster) -> dict[str, Any]:
    """Return the container; the hub's token, where there is one, is in no other."""
    return {
        "name": "pull",
        "image": cluster.puller,
        "command": ["/bin/sh", f"{FOLDER}/{SCRIPT}"],
        "env": _environment(cluster),
        "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}},
        "securityContext": rights.container(),
        "volumeMounts": [
            {"name": "weights", "mountPath": cluster.home},
            {"name": "files", "mountPath": f"{FOLDER}/{SCRIPT}", "subPath": SCRIPT,
             "readOnly": True},
            {"name": "tmp", "mountPath": rights.SCRATCH},
        ],
    }  # fmt: skip


def _environment(cluster: Cluster) -> list[dict[str, Any]]:
    said = {"HOME": rights.SCRATCH, "OSTLER_HOME": cluster.home, "OSTLER_MODEL": cluster.ref}
    if cluster.hub:
        said["HF_ENDPOINT"] = cluster.hub
    found: list[dict[str, Any]] = [{"name": name, "value": said[name]} for name in sorted(said)]
    return [*found, from_secret(TOKEN, cluster.token)]  # the last one: a hole of the chart's


def from_secret(name: str, secret: SecretKey) -> dict[str, Any]:
    """Return a variable whose value only the cluster knows."""
    of: dict[str, Any] = {"name": secret.name, "key": secret.key}
    if secret.optional:
        of["optional"] = True
    return {"name": name, "valueFrom": {"secretKeyRef": of}}
