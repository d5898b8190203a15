"""What a cluster is asked for: names, images, storage, GPUs, secrets; checked before it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ostler.errors import UsageError

GIB = 1 << 30
ONCE, MANY = "ReadWriteOnce", "ReadWriteMany"
# Bytes beside the model's files: what a pull leaves free, and a tenth that file systems keep back.
RESERVE = GIB
USABLE = 0.9


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of a Secret that somebody else makes; its value is never seen here."""

    name: str
    key: str
    optional: bool = False  # the pod starts without it too


TOKEN = SecretKey("huggingface", "HF_TOKEN", optional=True)


@dataclass(frozen=True, slots=True)
class Outside:
    """The address under which the model is reached from outside the cluster."""

    host: str
    kind: str  # "Route" or "Ingress"
    ingress_class: str | None = None
    tls_secret: str | None = None  # of an Ingress; a Route has the router's own certificate


@dataclass(frozen=True, slots=True)
class Cluster:
    """How one model is to run in a cluster."""

    name: str  # a DNS label; all objects are called by it
    image: str  # the engine's, by digest
    words: int  # how many words of the command start the engine
    puller: str  # Ostler's own image, by digest
    ref: str  # what `ostler pull` is told there
    storage: int  # bytes of the volume
    home: str  # where Ostler's home, the volume, is in the containers
    storage_class: str | None = None
    access: str = ONCE
    replicas: int = 1
    gpus: int = 0
    memory: int | None = None  # bytes the engine asks for; None: nothing is said
    openshift: bool = False
    token: SecretKey = TOKEN  # of the hub, for the pull alone
    key: SecretKey | None = None  # what callers must send
    hub: str = ""  # its address; empty: the Hub's own
    outside: Outside | None = None
    open: bool = False  # whether anyone outside may use it, with no key


def storage_for(files: int) -> int:
    """Return the bytes of a volume that holds files of so many bytes, in whole GiB."""
    return math.ceil((files + RESERVE) / USABLE / GIB) * GIB


def check(cluster: Cluster) -> Cluster:
    """Return what was asked, if it can be. Raises UsageError."""
    if cluster.replicas > 1 and cluster.access == ONCE:
        raise UsageError(
            f"{cluster.replicas} replicas may run on as many nodes, and a volume that is {ONCE} is"
            " mounted on one only.",
            hint=f"--access {MANY}, with a storage class that can (NFS, CephFS, EFS); or one"
            " replica.",
            replicas=cluster.replicas,
            access=cluster.access,
        )
    return cluster
