"""`ostler export kubernetes` and `helm`: a model for a cluster, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ostler.exporters.kubernetes.cluster import MANY, ONCE, Cluster
from ostler.faces.cli import options, show, trees
from ostler.faces.cli.clustering import asked
from ostler.nouns import LaunchSpec
from ostler.settings import Settings

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("model"),
    options.image,
    options.engine_version,
    click.option("--ostler-image", metavar="NAME@sha256:...",
                 help="Ostler's own, which pulls the model. [the settings' images]"),
    click.option("--name", help="What its objects are called; from the model, if not said."),
    click.option("--gpus", type=click.IntRange(0, options.MOST_GPUS), metavar="N",
                 default=0, show_default=True,
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
    are read. Secrets are named, never written.

    \b
    ostler export kubernetes org/name --gpus 1 --image vllm/vllm-openai@sha256:... \\
        --ostler-image registry.example/ostler@sha256:... -o deploy
    ostler export kubernetes org/name --gpus 1 --openshift --route chat.apps.example
    """
    from ostler.exporters.blocks import dumped
    from ostler.exporters.kubernetes.kustomize import tree
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
    at = f"http://{cluster.name}:{spec.port}"
    if way_in := cluster.outside:
        secure = way_in.kind == "Route" or way_in.tls_secret
        at = f"{'https' if secure else 'http'}://{way_in.host}"
    way = f"/v2/models/{spec.model_name}/generate" if spec.also else "/v1"
    show.note(f"After `{command}` it answers at {at}{way} as {spec.model_name}.")
