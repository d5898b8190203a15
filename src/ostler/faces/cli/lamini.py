"""`ostler lamini`: the preload list and the pods of a Lamini that you run yourself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ostler.core import lamini
from ostler.core.refs import parse
from ostler.core.sizes import memory
from ostler.faces.cli import changing, needed, options, show
from ostler.settings import Settings
from ostler.verbs import editing

PATH = click.Path(dir_okay=False, path_type=Path)
LIST = click.option(
    "-f", "--file", "path", type=PATH, default="llama_config.yaml", show_default=True,
    help="Lamini's file with `multi_node_inference`.",
)  # fmt: skip
PODS = click.option(
    "--helm",
    type=PATH,
    help="helm_config.yaml, whose inference.batch says how many GPUs there are.",
)
GPU = click.option("--gpu", metavar="NAME|SIZE", help="A pod's GPU, such as a6000 or 48GB.")


@click.group("lamini")
def command() -> None:
    """Edit the files of a Lamini that you run yourself.

    Only what is to change changes: comments, quotes and line ends stay to the byte. The diff is
    shown, and the file as it was is kept beside it.

    \b
    ostler lamini preload add meta-llama/Llama-3.1-8B-Instruct -f llama_config.yaml
    ostler lamini preload list --helm helm_config.yaml --gpu a6000
    ostler lamini inference --catchall 2 -f helm_config.yaml
    """


@command.group("preload")
def preload() -> None:
    """Show or change which models are preloaded.

    \b
    ostler lamini preload add meta-llama/Llama-3.1-8B-Instruct
    ostler lamini preload remove meta-llama/Llama-3.1-8B-Instruct --dry-run
    """


@preload.command("add")
@click.argument("model")
@LIST
@PODS
@GPU
@options.dry_run
@options.as_json
@click.pass_obj
def add(
    settings: Settings, model: str, path: Path, helm: Path | None, gpu: str | None, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Add MODEL, as org/name, to the end of the list; one that is there is refused.

    With --gpu it says whether what is preloaded fits the batch pods, and what would.

    \b
    ostler lamini preload add meta-llama/Llama-3.1-8B-Instruct --helm helm_config.yaml --gpu 48GB
    """
    name = parse(model).name
    names = needed.other_names(settings, name)
    change = editing.plan(path, lambda held: lamini.added(held, name, names))
    said = _said(settings, (change.after or b"").decode(), path, helm, gpu)
    changing.make(
        settings, [change], "lamini preload", name, dry_run=dry_run, as_json=as_json, said=said
    )
    _warn(said, as_json)


@preload.command("remove")
@click.argument("model")
@LIST
@options.dry_run
@options.as_json
@click.pass_obj
def remove(settings: Settings, model: str, path: Path, dry_run: bool, as_json: bool) -> None:
    """Take MODEL off the list.

    \b
    ostler lamini preload remove meta-llama/Llama-3.1-8B-Instruct
    """
    change = editing.plan(path, lambda held: lamini.removed(held, model))
    changing.make(settings, [change], "lamini preload", model, dry_run=dry_run, as_json=as_json)


@preload.command("list")
@LIST
@PODS
@GPU
@options.as_json
@click.pass_obj
def listed(
    settings: Settings, path: Path, helm: Path | None, gpu: str | None, as_json: bool
) -> None:
    """List what is preloaded; with --gpu, what each needs and whether the pods hold it.

    \b
    ostler lamini preload list --helm helm_config.yaml --gpu a6000
    """
    text = editing.decoded(path, editing.read(path) or b"")
    said = _said(settings, text, path, helm, gpu)
    if as_json:
        show.as_json({"file": path, **said})
        return
    for model in said["preloaded"]:
        need = said["needs_bytes"].get(model)
        show.line(model + (f"  {memory(need)}" if gpu else ""))
    if not said["preloaded"]:
        show.line("Nothing is preloaded.")
    _warn(said, as_json)


@command.command("inference")
@click.option(
    "-f", "--file", "path", type=PATH, default="helm_config.yaml", show_default=True,
    help="Lamini's file with `inference`.",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(0), metavar="N", help="Pods for preloaded models.")
@click.option("--streaming", type=click.IntRange(0), metavar="N", help="Pods that stream.")
@click.option("--embedding", type=click.IntRange(0), metavar="N", help="Also for classification.")
@click.option("--catchall", type=click.IntRange(0), metavar="N", help="For any other model.")
@click.option("--list", "preloads", type=PATH, help="llama_config.yaml, to see whether it fits.")
@GPU
@options.dry_run
@options.as_json
@click.pass_obj
def inference(
    settings: Settings, path: Path, batch: int | None, streaming: int | None,
    embedding: int | None, catchall: int | None, preloads: Path | None, gpu: str | None,
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show or set how many pods there are of each kind. A pod has one GPU.

    \b
    ostler lamini inference
    ostler lamini inference --batch 2 --catchall 2 --list llama_config.yaml --gpu 80GB --dry-run
    """
    given = {"batch": batch, "streaming": streaming, "embedding": embedding, "catchall": catchall}
    wanted = {kind: count for kind, count in given.items() if count is not None}
    change = editing.plan(path, lambda held: lamini.recounted(held, wanted))
    counted = lamini.counts(_values(path, change.after))
    said: dict[str, Any] = {"inference": counted, "gpus": sum(counted.values())}
    if preloads:
        text = editing.decoded(preloads, editing.read(preloads) or b"")
        said |= _said(settings, text, preloads, None, gpu, counted.get("batch", 0))
    if wanted:
        changing.make(
            settings, [change], "lamini inference", str(path), dry_run=dry_run, as_json=as_json,
            said=said,
        )  # fmt: skip
    elif as_json:
        show.as_json(said)
    if not as_json:
        show.line(", ".join(f"{kind} {count}" for kind, count in counted.items()))
        show.line(f"That takes {said['gpus']} GPUs.")
    _warn(said, as_json)
    if not counted.get("catchall"):
        _warn({"warnings": [NO_CATCHALL]}, as_json)


NO_CATCHALL = (
    "Without a catchall pod, a model that is not preloaded is loaded on the other pods, "
    "and may evict what is preloaded there."
)


def _said(
    settings: Settings, text: str, path: Path, helm: Path | None, gpu: str | None,
    pods: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What a list says, and with a GPU whether the pods hold it."""
    held = lamini.preloaded(_values(path, text.encode()))
    if helm:
        pods = lamini.counts(_values(helm, editing.read(helm))).get("batch", 0)
    if not gpu:
        return {"preloaded": held, "needs_bytes": {}, "warnings": []}
    needs = needed.needs(settings, held, None)
    budget = lamini.Budget(needs, 1 if pods is None else pods, needed.room_of(gpu))
    return {
        "preloaded": held, "needs_bytes": needs, "total_bytes": budget.total,
        "pods": budget.pods, "gpu_bytes": budget.room, "fits": budget.fits,
        "warnings": budget.warnings(),
    }  # fmt: skip


def _values(path: Path, content: bytes | None) -> object:
    from ostler.core.editing import read

    return read(editing.decoded(path, content or b""), str(path))


def _warn(said: dict[str, Any], as_json: bool) -> None:
    found = said.get("warnings")
    for text in found if isinstance(found, list) and not as_json else ():
        show.note(f"Warning: {text}")
