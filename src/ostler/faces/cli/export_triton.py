"""`ostler export triton`: a model repository for Triton's vLLM backend."""

from __future__ import annotations

from pathlib import Path

import click

from ostler import wiring
from ostler.core.pace import amount
from ostler.core.together import crowded
from ostler.core.triton.repository import SHARE, UTILIZATION
from ostler.exporters.triton import repository
from ostler.faces.cli import crowding, elsewhere, options, show, trees
from ostler.nouns import Installed, LaunchSpec, Workload
from ostler.settings import Settings
from ostler.verbs.elsewhere import launch

PORT = 8000


@click.command("triton")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    help="The model repository's folder.",
)
@click.option(
    "--engine-version",
    default="unknown",
    metavar="YY.MM",
    help="Triton's release; its flags depend on it. [the newest]",
)
@click.option(
    "--gpus",
    type=options.GPUS,
    metavar="N",
    default=1,
    show_default=True,
    help="GPUs that share each layer.",
)
@click.option(
    "--inside",
    metavar="DIR",
    help="Where Ostler's home is for Triton, such as in a container. [where it is here]",
)
@click.option("--gpu-memory", metavar="SIZE", help="Of one GPU; warns if the models need more.")
@options.context
@options.sequences
@options.kv_dtype
@options.flags
@click.option("--force", is_flag=True, help="Replace files that are there.")
@options.dry_run
@click.pass_obj
def command(
    settings: Settings, models: tuple[str, ...], out: Path, engine_version: str, gpus: int,
    inside: str | None, gpu_memory: str | None, context: int | None, sequences: int,
    kv_dtype: str, flags: tuple[tuple[str, str], ...], force: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Write a Triton model repository with each MODEL: its config.pbtxt and its model.json.

    The weights stay where they are; model.json names their folder. Several models share the
    GPU's memory in equal parts. `ostler triton check DIR` looks through what is written.

    \b
    ostler export triton meta-llama/Llama-2-7b-hf -o model_repository --engine-version 25.06
    ostler export triton org/name -o models --inside /var/lib/ostler --gpus 2
    """
    share = f"{UTILIZATION / len(models):.2f}"
    own = flags if SHARE in dict(flags) else ((SHARE, share), *flags)
    load = Workload(context, sequences, kv_dtype, tensor_parallel=gpus, flags=own)
    home = inside or str(settings.home)
    specs = [_described(settings, model, engine_version, load, home) for model in models]
    trees.write(repository(specs), out, force, dry_run)
    memory = amount(gpu_memory or "", "--gpu-memory")
    said = crowded({one.model.id: crowding.need(one, load) for one in specs}, gpus, memory or 0)
    if memory and said:
        show.note(f"Warning: {said}")
    for one in specs:
        show.note(f"{one.model_name}: {one.model.id}, from {one.model.folder}")


def _described(
    settings: Settings, model: str, release: str, load: Workload, home: str
) -> LaunchSpec:
    found = elsewhere.find(settings, model, home, load.tensor_parallel)
    engine = wiring.engine(settings, "triton")
    installed = Installed("triton", release, ("tritonserver",), "image")
    elsewhere.accepted(engine, installed, found.served.facts, load.tensor_parallel)
    return launch(found, engine, installed, load, PORT)
