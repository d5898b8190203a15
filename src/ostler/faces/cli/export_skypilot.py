"""`ostler export skypilot`: a task that rents a GPU and serves a model on it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from ostler import data, wiring
from ostler.core import images
from ostler.core.catalogue import Entry
from ostler.core.gpus import find
from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.needing import held_by, need
from ostler.core.offers import Match, Wanted, closest
from ostler.core.plans import pull_plan
from ostler.core.sizes import memory
from ostler.errors import NoGpuFits, UsageError
from ostler.exporters import skypilot as exporter
from ostler.faces.cli import offering, options, writing
from ostler.nouns import (
    Format,
    Installed,
    LaunchSpec,
    Listing,
    Manifest,
    ModelFacts,
    Served,
    Task,
    Workload,
)
from ostler.settings import Settings

COUNTED = re.compile(r".+x[0-9]+")
PORT = 8000
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the instance's; every caller must send the key


@click.command("skypilot")
@click.argument("model")
@click.option(
    "--gpu", metavar="NAME[xN]", help="This GPU; the cheapest that holds it, if not said."
)
@click.option("--engine-version", metavar="X.Y.Z", help="Of vLLM; the newest that is known here.")
@options.context
@options.sequences
@options.endpoint
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Write this file, not stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def command(
    settings: Settings, model: str, gpu: str | None, engine_version: str | None,
    context: int | None, sequences: int, endpoint: str | None, out: Path | None, force: bool,
) -> None:  # fmt: skip
    """Write a SkyPilot task for MODEL: the GPU from what it needs, the disk from its files.

    MODEL need not be kept here. It is served by vLLM under its own name, to callers who send the
    secret VLLM_API_KEY. Secrets stand in the file by name alone.

    \b
    ostler export skypilot Qwen/Qwen2.5-7B-Instruct --context 16384 -o qwen.yaml
    """
    from ostler.faces.cli.facts import look_up

    found = look_up(settings, model, endpoint, False)
    if found.facts.format is not Format.SAFETENSORS:
        raise UsageError(
            f"{found.id} is {found.facts.format.value}, and the task serves it by vLLM.",
            hint="Name the model's repository with safetensors.",
        )
    origin, facts = found.origin, found.facts
    most = facts.context_length or DEFAULT_CONTEXT
    load = Workload(context or min(most, DEFAULT_CONTEXT), sequences)
    name, count, why = _gpu(settings, origin.name, facts, load, gpu)
    files = _files(origin)
    task = exporter.Task(
        origin.name, origin.commit, sorted(files), sum(files.values()),
        bool(origin.gated or origin.private), name, count, why,
        f"vllm=={engine_version or _newest()}",
    )  # fmt: skip
    spec = _spec(settings, task, facts, replace(load, tensor_parallel=count))
    writing.one(exporter.document(spec, task), out, force)


def _files(origin: Manifest | Listing) -> dict[str, int]:
    """The files that the engine reads, with their bytes."""
    if isinstance(origin, Manifest):
        return {one.path: one.size for one in origin.files}
    return {one.file.path: one.file.size or 0 for one in pull_plan(origin, ()).fetch}


def _gpu(
    settings: Settings, repo: str, facts: ModelFacts, load: Workload, said: str | None
) -> tuple[str, int, str]:
    """The GPU's name, how many, and why: the cheapest on offer, or the one that was said."""
    entry = Entry(repo, repo)
    if said is None:
        matches = held_by(offering.offers(settings, Wanted()), entry, facts, load)
        best = closest([one for one in matches if _known_there(one)])
        if best is None or not best.fits:
            because = f": {best.because}" if best else "."
            raise NoGpuFits(
                f"No GPU on offer holds {repo}{because}",
                hint=f"Less context, or see `ostler fit {repo} --gpu NAME`.",
            )
        return best.offer.gpu.name, best.offer.count, f"{best.because}."
    text, _, times = said.rpartition("x") if COUNTED.fullmatch(said) else (said, "", "1")
    gpu, count = find(text, data.gpus()), int(times or 1)
    needed = need(entry, facts, load)(count).required
    each = " on each" if count > 1 else ""
    why = f"{memory(needed)} needed{each}, {memory(gpu.usable_bytes)} there"
    if needed > gpu.usable_bytes:
        raise NoGpuFits(f"{repo} does not fit on {said}: {why}.", hint="Leave --gpu out.")
    return gpu.name, count, f"{why}."


def _known_there(match: Match) -> bool:
    return match.offer.gpu.name in (*exporter.NAMES, *exporter.SAME)


def _spec(settings: Settings, task: exporter.Task, facts: ModelFacts, load: Workload) -> LaunchSpec:
    engine = wiring.engine(settings, "vllm")
    version = task.package.partition("==")[2]
    installed = Installed("vllm", version, ("env/bin/vllm", "serve"), "pip")
    folder = exporter.folder(task.repo)
    served = Served(task.repo, folder, folder, facts.task or Task.CHAT, facts)
    return engine.launch(installed, served, load, EVERYWHERE, PORT)


def _newest() -> str:
    return next(one.version for one in images.known() if one.engine == "vllm")
