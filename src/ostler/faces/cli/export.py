"""`ostler export`: write down what would run, for something else to start."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from ostler import wiring
from ostler.faces.cli import (
    composing,
    export_kubernetes,
    export_lamini,
    export_skypilot,
    export_traefik,
    export_triton,
    export_watching,
    options,
    writing,
)
from ostler.faces.cli.containing import Wish, contained
from ostler.nouns import Workload
from ostler.settings import Settings

INSIDE = 8000  # the port an engine listens on within its container
OUT = click.option("--out", type=click.Path(path_type=Path), help="Write this file, not stdout.")
FORCE = click.option("--force", is_flag=True, help="Replace a file that is there.")


@click.group("export")
def command() -> None:
    """Write down the process that would serve a model, for whatever is to start or watch it.

    What is written is what `ostler serve` would run: both come from the same description.

    \b
    ostler export systemd Qwen/Qwen2.5-0.5B-Instruct-GGUF --out model.service
    ostler export compose Qwen/Qwen2.5-0.5B-Instruct --gpu 0 --into docker-compose.yaml
    ostler export kubernetes Qwen/Qwen2.5-0.5B-Instruct --gpus 1 -o deploy \\
        --ostler-image registry.example/ostler@sha256:...
    """


@command.command("systemd")
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", default=21800,
              show_default=True, help="The port it listens on, on loopback.")  # fmt: skip
@click.option("--user", help="The user it runs as; you, if not said.")
@options.engine
@options.context
@options.sequences
@options.kv_dtype
@OUT
@FORCE
@click.pass_obj
def systemd(
    settings: Settings, model: str, port: int, user: str | None, engine: str | None,
    context: int | None, sequences: int, kv_dtype: str, out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Write a systemd unit for MODEL on this machine.

    \b
    ostler export systemd Qwen/Qwen2.5-0.5B-Instruct-GGUF --out model.service
    """
    from ostler.exporters.systemd import unit
    from ostler.verbs.prepare import prepare

    workload = Workload(
        context or settings.context, sequences, kv_dtype, settings.threads, for_all=not context
    )
    named = wiring.named(settings, model)
    machine = wiring.machine(settings)
    ready = prepare(named, wiring.store(settings), machine, workload, engine)
    writing.one(unit(ready.launch("127.0.0.1", port), user or getpass.getuser()), out, force)


@command.command("compose")
@click.argument("model")
@options.image
@options.engine_version
@options.gpus
@click.option(
    "--each",
    is_flag=True,
    help="One service for each GPU, with ports from --port on, instead of one over all of them.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    default=8000,
    show_default=True,
    help="The port on this machine's loopback.",
)
@click.option("--service", metavar="NAME", help="Its name; from the model and GPUs, if not said.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="Start it only when this profile is asked for; may be repeated.",
)
@click.option("--network", metavar="NAME", help="A network that exists, to be on.")
@options.container_user
@options.key_file
@options.engine
@options.context
@options.sequences
@options.kv_dtype
@OUT
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Put the service into this Compose file of yours.")  # fmt: skip
@FORCE
@options.dry_run
@click.pass_obj
def compose(
    settings: Settings, model: str, image: str | None, engine_version: str | None,
    gpus: tuple[str, ...], each: bool, port: int, service: str | None, profiles: tuple[str, ...],
    network: str | None, user: str | None, key_file: Path | None, engine: str | None,
    context: int | None, sequences: int, kv_dtype: str, out: Path | None, into: Path | None,
    force: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Write a Compose file for MODEL in its engine's container.

    Two GPUs mean tensor parallelism over both; with --each, a service on each. The weights are
    mounted read-only, file by file. With --into, a Compose file of yours gets the service and
    keeps everything else to the byte; the diff is shown, and a copy kept beside it.

    \b
    ostler export compose org/name --engine vllm --gpu 0 --out compose.yaml
    ostler export compose org/name --gpu 0 --gpu 1 --each --profile chat
    ostler export compose org/name --gpu 0 --into docker-compose.yml --dry-run
    """
    from ostler.core.containers import checked_names, checked_service, name_of
    from ostler.exporters import compose as exporter

    wish = Wish(
        model, engine, image, engine_version, Workload(context, sequences, kv_dtype), user, key_file
    )
    checked_service(service)
    checked_names("profile", profiles)
    checked_names("network", (network,) if network is not None else ())
    sets = [(gpu,) for gpu in gpus] if each else [gpus]
    services = {}
    for number, some in enumerate(sets):
        _, one = contained(settings, wish, some, INSIDE, port + number)
        name = service if service and len(sets) == 1 else name_of(service or model, some)
        services[name] = one
    manner = exporter.Manner(profiles, network)
    if into:
        content = exporter.content(services, manner)
        composing.into(settings, into, content, force=force, dry_run=dry_run)
        return
    writing.one(exporter.document(services, manner), None if dry_run else out, force)


@command.command("quadlet")
@click.argument("model")
@options.image
@options.engine_version
@options.gpus
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    default=21800,
    show_default=True,
    help="The port it has, on this machine's loopback.",
)
@options.container_user
@options.key_file
@options.engine
@options.context
@options.sequences
@options.kv_dtype
@OUT
@FORCE
@click.pass_obj
def quadlet(
    settings: Settings, model: str, image: str | None, engine_version: str | None,
    gpus: tuple[str, ...], port: int, user: str | None, key_file: Path | None, engine: str | None,
    context: int | None, sequences: int, kv_dtype: str, out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Write a quadlet for MODEL: a container that systemd starts, by Podman.

    Put it into /etc/containers/systemd or ~/.config/containers/systemd, then
    `systemctl daemon-reload`.

    \b
    ostler export quadlet Qwen/Qwen2.5-0.5B-Instruct-GGUF --out qwen.container
    """
    from ostler.core.containers import name_of
    from ostler.exporters import quadlet as exporter

    wish = Wish(
        model, engine, image, engine_version, Workload(context, sequences, kv_dtype), user, key_file
    )
    spec, one = contained(settings, wish, gpus, port, port)
    writing.one(exporter.quadlet(one, name_of(model, gpus), spec.model.id), out, force)


for one in (export_traefik, export_lamini, export_skypilot, export_triton):
    command.add_command(one.command)
command.add_command(export_kubernetes.kubernetes)
command.add_command(export_kubernetes.helm)
command.add_command(export_watching.prometheus)
command.add_command(export_watching.grafana)
