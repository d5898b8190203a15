"""From what a command was told to what a cluster is asked for, and what is refused of it."""

from __future__ import annotations

from ostler import wiring
from ostler.core import images
from ostler.core.labels import checked, label
from ostler.core.pace import amount
from ostler.errors import UsageError
from ostler.exporters.kubernetes.cluster import TOKEN, Cluster, Outside, SecretKey, storage_for
from ostler.exporters.kubernetes.serving import needs_key
from ostler.faces.cli import crowding, elsewhere
from ostler.faces.cli.containing import image_of, own_images
from ostler.nouns import LaunchSpec, Workload
from ostler.settings import Settings
from ostler.verbs.elsewhere import Elsewhere, launch

HOME = "/var/lib/ostler"  # Ostler's home, and the volume, in the containers
RUN = "/run/ostler"  # where an engine finds the small files that are written for it
INSIDE = 8000
KEY = "api-key"


def asked(
    settings: Settings, *, model: str, image: str | None, engine_version: str | None,
    ostler_image: str | None, name: str | None, gpus: int, replicas: int, storage: str | None,
    storage_class: str | None, access: str, memory: str | None, openshift: bool,
    route: str | None, ingress: str | None, ingress_class: str | None, tls_secret: str | None,
    token_secret: str | None, api_key_secret: str | None, is_open: bool, hub: str | None,
    gpu_memory: str | None, cluster_gpus: int | None, engine: str | None, context: int | None,
    sequences: int, kv_dtype: str, flags: tuple[tuple[str, str], ...],
) -> tuple[LaunchSpec, Cluster]:  # fmt: skip
    """Return the process and what the cluster is asked for. Raises UsageError and its like."""
    title = checked(name) if name else label(model.rpartition("/")[2])
    found = elsewhere.find(settings, model, HOME, gpus)
    described = wiring.engine(settings, engine or elsewhere.usual(found), RUN)
    chosen = image_of(settings, described.name, image, engine_version, gpu=gpus > 0)
    installed = images.installed(chosen)
    elsewhere.accepted(described, installed, found.served.facts, gpus)
    load = Workload(context, sequences, kv_dtype, tensor_parallel=max(1, gpus), flags=flags)
    spec = launch(found, described, installed, load, INSIDE)
    key = secret(api_key_secret, KEY) if api_key_secret else None
    needed = crowding.need(spec, load)
    cluster = Cluster(
        name=title,
        image=chosen.reference,
        words=len(chosen.words),
        puller=pullers(settings, ostler_image),
        ref=found.ref,
        storage=amount(storage or "", "--storage") or storage_for(found.bytes),
        home=HOME,
        storage_class=storage_class,
        access=access,
        replicas=replicas,
        gpus=gpus,
        memory=amount(memory or "", "--memory") or (None if gpus else needed),
        openshift=openshift or bool(route),
        token=token(token_secret, found),
        key=key,
        hub=hub or "",
        outside=outside(route, ingress, ingress_class, tls_secret),
        open=is_open,
    )
    guard(spec, cluster)
    of_gpu = amount(gpu_memory or "", "--gpu-memory")
    crowding.warn(spec.model.id, needed, cluster, of_gpu, cluster_gpus)
    return spec, cluster


def pullers(settings: Settings, image: str | None) -> str:
    """Return Ostler's image by its digest: as said, else the settings'. Raises UsageError."""
    own = own_images(settings).get("ostler")
    image = image or (own if isinstance(own, str) else None)
    if image and images.PINNED.fullmatch(image):
        return image
    said = f"{image} is not pinned by a digest" if image else "No image with Ostler was named"
    raise UsageError(
        f"{said}; the pod's first container pulls the model with it.",
        hint="Build one from Ostler's Dockerfile and push it; then --ostler-image NAME@sha256:...,"
        " or `images: {ostler: ...}` in ostler.yaml.",
    )


def secret(text: str, key: str) -> SecretKey:
    """Read `NAME[:KEY]`. Raises UsageError."""
    name, _, said = text.partition(":")
    if not name or not all(one.isalnum() or one in "-._" for one in name + said):
        raise UsageError(f"{text!r} names no Secret.", hint=f"Write its name, or NAME:{key}.")
    return SecretKey(name, said or key)


def token(text: str | None, model: Elsewhere) -> SecretKey:
    """Return where the hub's token is; a model that anyone may read is pulled without too."""
    found = secret(text, TOKEN.key) if text else TOKEN
    return SecretKey(found.name, found.key, optional=not (text or model.gated))


def outside(
    route: str | None, ingress: str | None, ingress_class: str | None, tls_secret: str | None
) -> Outside | None:
    """Return the way in from outside, if one was asked for. Raises UsageError."""
    if route and ingress:
        raise UsageError("A Route and an Ingress are two ways in.", hint="Give one of them.")
    if route:
        return Outside(route, "Route")
    return Outside(ingress, "Ingress", ingress_class, tls_secret) if ingress else None


def guard(spec: LaunchSpec, cluster: Cluster) -> None:
    """Refuse a way in from outside that asks nobody for a key. Raises UsageError."""
    if not cluster.outside or cluster.key or cluster.open:
        return
    asks = "--api-key-secret NAME makes it ask for one"
    none = f"{spec.engine} asks for none; put Ostler's gateway before it"
    raise UsageError(
        f"Anyone who reaches {cluster.outside.host} could use the model: no key is asked for.",
        hint=f"{asks if needs_key(spec) else none}, or let anyone in with --open.",
    )
