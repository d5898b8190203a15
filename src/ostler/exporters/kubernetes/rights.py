"""The least rights that do: Kubernetes' restricted profile and OpenShift's restricted-v2."""

from __future__ import annotations

from typing import Any

SCRATCH = "/tmp"  # noqa: S108 - an emptyDir of the pod's own
# Where nobody assigns a user: one who is not root, in group 0, which images let read their files.
USER, GROUP = 1001, 0


def pod(openshift: bool) -> dict[str, Any]:
    """Return the pod's. OpenShift assigns each namespace its user and the volumes' group."""
    found: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if openshift:
        return found
    return found | {
        "runAsUser": USER,
        "runAsGroup": GROUP,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
    }


def container() -> dict[str, Any]:
    """Return each container's."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
