"""Warnings where a cluster has too little for what it is asked to run."""

from __future__ import annotations

from ostler.core.memory import estimate
from ostler.core.sizes import counted
from ostler.core.together import crowded
from ostler.exporters.kubernetes.cluster import Cluster
from ostler.faces.cli import show
from ostler.nouns import LaunchSpec, Workload


def warn(model: str, needed: int, cluster: Cluster, memory: int | None, there: int | None) -> None:
    """Say what is too much: of one GPU's `memory` in bytes, of the GPUs that are `there`."""
    wanted = cluster.gpus * cluster.replicas
    if there is not None and wanted > there:
        show.note(
            f"Warning: {counted(cluster.replicas, 'pod')} with {counted(cluster.gpus, 'GPU')} each "
            f"want {wanted}, and the cluster has {there}: be conservative, the rest stay Pending."
        )
    if memory is not None and cluster.gpus:
        said = crowded({model: needed}, cluster.gpus, memory)
        if said:
            show.note(f"Warning: {said}")


def need(spec: LaunchSpec, load: Workload) -> int:
    """Return the bytes that a model takes, on all of its GPUs together.

    Raises ImpossibleSplit for GPUs that cannot share its heads.
    """
    return estimate(spec.model.facts, load, spec.engine).required * load.tensor_parallel
