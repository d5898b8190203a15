"""`ostler export kubernetes` and `helm`: a model for a cluster, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ostler import wiring
from ostler.core import images
from ostler.core.labels import checked, label
from ostler.core.pace import amount
from ostler.errors import UsageError
from ostler.exporters.kubernetes.cluster import (
    MANY,
    ONCE,
    TOKEN,
    Cluster,
    Outside,
    SecretKey,
    storage_for,
)
from ostler.exporters.kubernetes.serving import needs_key
from ostler.faces.cli import crowding, elsewhere, options, show, trees
from ostler.faces.cli.containing import image_of, own_images
from ostler.nouns import LaunchSpec, Workload
from ostler.settings import Settings
from ostler.verbs.elsewhere import Elsewhere, launch

HOME = "/var/lib/ostler"  # Ostler's home, and the volume, in the containers
RUN = "/run/ostler"  # where an engine finds the small files that are written for it
INSIDE = 8000
KEY = "api-key"

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("model"),
    options.image,
    options.engine_version,
    click.option("--ostler-image", metavar="NAME@sha256:...",
                 help="Ostler's own, which pulls the model. [the settings' images]"),
    click.option("--name", help="What its objects are called; from the model, if not said."),
    click.option("--gpus", type=click.IntRange(0), metavar="N", default=0, show_default=True,
                 help="NVIDIA GPUs of one pod; two and more share each layer."),
    click.option("--replicas", type=click.IntRange(1), metavar="N", default=1, show_default=True,
                 help="Pods."),
    click.option("--storage", metavar="SIZE", help="The volume's size; enough for the files."),
    click.option("--storage-class", metavar="NAME", help="The cluster's default, if not said."),
    click.option("--access", type=click.Choice([ONCE, MANY]), default=ONCE, show_default=True,
                 help="Who may mount the volume."),
    click.option("--memory", metavar="SIZE",
                 help="What the engine asks for. [on processors, what `ostler fit` estimates]"),
    click.option("--openshift", is_flag=True, help="Leave users and groups to OpenShift."),
    click.option("--route", metavar="HOST", help="Reach it from outside by an OpenShift Route."),
    click.option("--ingress", metavar="HOST", help="Reach it from outside by an Ingress."),
    click.option("--ingress-class", metavar="NAME", help="Which controller; the default one."),
    click.option("--tls-secret", metavar="NAME", help="The Ingress's certificate."),
    click.option("--token-secret", metavar="NAME[:KEY]",
                 help="The Secret with the hub's token. [huggingface:HF_TOKEN]"),
    click.option("--api-key-secret", metavar="NAME[:KEY]",
                 help="The Secret with the keys of callers. [key: api-key]"),
    click.option("--open", "is_open", is_flag=True, help="Let anyone outside use it, with no key."),
    click.option("--hub", metavar="URL", help="Where pods pull from; a hub of your own."),
    click.option("--gpu-memory", metavar="SIZE", help="Of one GPU; warns if it is too small."),
    click.option("--cluster-gpus", type=click.IntRange(1), metavar="N",
                 help="GPUs of the cluster; warns if the pods want more."),
    options.engine,
    options.context,
    options.sequences,
    options.kv_dtype,
    options.flags,
    click.option("--force", is_flag=True, help="Replace files that are there."),
    options.dry_run,
)  # fmt: skip


def all_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of both."""
    for one in reversed(OPTIONS):
        function = one(function)
    return function


@click.command("kubernetes")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The folder; else to stdout.")
@all_options
@click.pass_obj
def kubernetes(
    settings: Settings, /, out: Path | None, force: bool, dry_run: bool, **said: Any
) -> None:
    """Write MODEL as a kustomize folder: Deployment, Service, volume, files, Route or Ingress.

    An init container pulls and proves the model with Ostler, once; the engine's container then
    runs the very command that Ostler would. Of a model that is not kept here only the headers
    are read. Secrets are named, never written. docs/howto/kubernetes.md shows the whole way.

    \b
    ostler export kubernetes org/name --gpus 1 --image vllm/vllm-openai@sha256:... \\
        --ostler-image registry.example/ostler@sha256:... -o deploy
    ostler export kubernetes org/name --gpus 1 --openshift --route chat.apps.example ...
    """
    from ostler.exporters.kubernetes.kustomize import dumped, tree
    from ostler.exporters.kubernetes.objects import objects

    spec, cluster = asked(settings, **said)
    if out:
        trees.write(tree(spec, cluster), out, force, dry_run)
        _next(spec, cluster, f"kubectl apply -k {out}")
    else:
        show.line("---\n".join(dumped(one) for one in objects(spec, cluster)).rstrip())


@click.command("helm")
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="The folder.")
@all_options
@click.pass_obj
def helm(settings: Settings, /, out: Path, force: bool, dry_run: bool, **said: Any) -> None:
    """Write MODEL as a Helm chart: the same objects as `export kubernetes`, with values.

    \b
    ostler export helm org/name --gpus 1 --image vllm/vllm-openai@sha256:... \\
        --ostler-image registry.example/ostler@sha256:... -o chart
    """
    from ostler.exporters.helm.chart import chart

    spec, cluster = asked(settings, **said)
    trees.write(chart(spec, cluster), out, force, dry_run)
    _next(spec, cluster, f"helm install {cluster.name} {out}")


def _next(spec: LaunchSpec, cluster: Cluster, command: str) -> None:
    """Say what is still to be done, and where the model will answer."""
    for secret in (cluster.token, cluster.key):
        if secret and not secret.optional:
            make = f"kubectl create secret generic {secret.name} --from-file={secret.key}=FILE"
            show.note(f"It needs the Secret {secret.name}: {make}")
    address = f"http://{cluster.name}:{spec.port}"
    at = f"https://{cluster.outside.host}" if cluster.outside else address
    way = f"/v2/models/{spec.model_name}/generate" if spec.also else "/v1"
    show.note(f"After `{command}` it answers at {at}{way} as {spec.model_name}.")


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
        hint="docs/howto/kubernetes.md builds one; then --ostler-image NAME@sha256:..., or"
        " `images: {ostler: ...}` in ostler.yaml.",
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
