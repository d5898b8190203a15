"""`ostler export`: write down what would run, for something else to start."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

from ostler import wiring
from ostler.core import images
from ostler.core.naming import Named
from ostler.errors import UsageError
from ostler.faces.cli import options, show
from ostler.nouns import Installed, LaunchSpec, Workload
from ostler.settings import Settings

INSIDE = 8000  # the port an engine listens on within its container
EVERYWHERE = "0.0.0.0"  # noqa: S104 - within the container; only loopback is published
OUT = click.option("--out", type=click.Path(path_type=Path), help="Write this file, not stdout.")
FORCE = click.option("--force", is_flag=True, help="Replace a file that is there.")


@click.group("export")
def command() -> None:
    """Write down the process that would serve a model: as a systemd unit, as a Compose file.

    What is written is what `ostler serve` would run: both come from the same description.
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

    workload = Workload(context or settings.context, sequences, kv_dtype, settings.threads)
    named = wiring.named(settings, model)
    machine = wiring.machine(settings)
    ready = prepare(named, wiring.store(settings), machine, workload, engine)
    _write(unit(ready.launch("127.0.0.1", port), user or getpass.getuser()), out, force)


@command.command("compose")
@click.argument("model")
@click.option("--image", metavar="NAME@sha256:...", help="The engine's image, by its digest.")
@click.option("--engine-version", default="unknown", help="Its version; flags depend on it.")
@click.option("--gpu", "gpus", multiple=True, metavar="ID", help="A GPU; may be repeated.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", default=8000,
              show_default=True, help="The port on this machine's loopback.")  # fmt: skip
@click.option(
    "--service", metavar="NAME", help="The service's name; from the model's, if not said."
)
@options.engine
@options.context
@options.sequences
@options.kv_dtype
@OUT
@FORCE
@click.pass_obj
def compose(
    settings: Settings, model: str, image: str | None, engine_version: str, gpus: tuple[str, ...],
    port: int, service: str | None, engine: str | None, context: int | None, sequences: int,
    kv_dtype: str, out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Write a Compose file for MODEL in its engine's container.

    Two GPUs mean tensor parallelism over both. The weights are mounted read-only.

    \b
    ostler export compose org/name --engine vllm --gpu 0 --image vllm/vllm-openai@sha256:...
    """
    from ostler.exporters import compose as exporter
    from ostler.exporters.systemd import slug

    named = wiring.named(settings, model)
    name = engine or ("llamacpp" if named.variant.format.value == "gguf" else "vllm")
    installed = images.inside(name, engine_version)
    place = exporter.Place(
        image=images.pinned(image, name),
        store=str(settings.home),
        user=f"{os.getuid()}:{os.getgid()}",
        gpus=gpus,
        published=port,
    )
    workload = Workload(context, sequences, kv_dtype, tensor_parallel=max(1, len(gpus)))
    spec = _described(settings, named, installed, workload)
    title = service or slug(named.id)
    _write(exporter.document(title, spec, len(installed.argv), place), out, force)


def _described(
    settings: Settings, named: Named, installed: Installed, load: Workload
) -> LaunchSpec:
    from ostler.verbs.describe import describe

    engine = next(one for one in wiring.engines(settings) if one.name == installed.engine)
    return describe(named, wiring.store(settings), engine, installed, load, EVERYWHERE, INSIDE)


def _write(text: str, out: Path | None, force: bool) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    if out.exists() and not force:
        raise UsageError(f"{out} is there already.", hint="--force replaces it.", path=str(out))
    out.write_text(text, encoding="utf-8")
    show.note(f"Written: {out}")
