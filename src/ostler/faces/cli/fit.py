"""`ostler fit`: what a model needs, by term, where it fits, and what would make it fit."""

from __future__ import annotations

import re

import click

from ostler import data, wiring
from ostler.core.gpus import find
from ostler.core.memory import METHODS
from ostler.core.sizes import memory
from ostler.errors import DoesNotFit, UsageError
from ostler.faces.cli import fit_all, options, show
from ostler.faces.cli.facts import Known, look_up
from ostler.nouns import ModelFacts, Workload
from ostler.settings import Settings
from ostler.verbs.fit import Fit, Range, check, explore, fit, on_gpus, within
from ostler.verbs.supposing import OF_GPUS, Supposed, suppose, with_own_type


@click.command("fit")
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Every model that is kept here.")
@click.option("--catalogue", is_flag=True, help="With --all: every model of the catalogue.")
@click.option(
    "--gpu", metavar="NAME[xN]", help="On this GPU, or N of them, in place of this machine."
)
@click.option(
    "--tp", type=options.GPUS, metavar="N", help="Split each layer over N GPUs; N of --gpu."
)
@click.option("--quant", metavar="NAME", help="This quantization of the repository.")
@click.option(
    "--what-if", is_flag=True, help="Compute --quant where the repository does not hold it."
)
@options.context
@options.sequences
@click.option(
    "--kv-dtype", metavar="NAME", help="Type of the KV cache, such as q8_0 or fp8; q8_0/f16 for"
    " keys and values.",
)  # fmt: skip
@options.engine
@click.option("--engine-version", metavar="X.Y", help="As this version of the engine takes memory.")
@click.option(
    "--flag", "flags", metavar="NAME[=VALUE]", multiple=True,
    help="A flag of the engine that changes memory, such as swa-full or max-num-seqs=64.",
)  # fmt: skip
@click.option(
    "--method", type=click.Choice(METHODS), default="architecture", show_default=True,
    help="Add up what the files say, or soong's rule of thumb.",
)  # fmt: skip
@click.option(
    "--margin", type=click.IntRange(0, 100), metavar="N", default=10, show_default=True, help="%"
)
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, everything: bool, catalogue: bool, gpu: str | None,
    tp: int | None, quant: str | None, what_if: bool, context: int | None, sequences: int,
    kv_dtype: str | None, engine: str | None, engine_version: str | None,
    flags: tuple[str, ...], method: str, margin: int, endpoint: str | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what MODEL needs in memory, as terms that add up, and where it fits.

    A model that is not kept here is looked at on the hub, at most 2 MB of it; one of the
    catalogue, by its short name, not even that. With several GPUs the terms are those of each.
    The exit code is 18 where it fits nowhere.

    \b
    ostler fit Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m
    ostler fit Qwen/Qwen2.5-7B-Instruct --gpu L4 --context 32768 --sequences 4
    ostler fit meta-llama/Llama-3.3-70B-Instruct --gpu H100x4 --kv-dtype fp8
    ostler fit --all --gpu "RTX 4090"
    ostler fit --all --catalogue --context 8192
    """
    named, count = _gpus(gpu, tp)
    machine = wiring.machine(settings)
    card = find(named, data.gpus()) if named else None
    room = on_gpus(card, count) if card else None
    workload = Workload(
        context or settings.context, sequences, kv_dtype or "f16",
        tensor_parallel=count, flags=tuple(_flag(one) for one in flags),
        for_all=not context,
    )  # fmt: skip
    if everything or model is None:
        if model is not None:
            raise UsageError("Name a model or say --all, not both.", hint="ostler fit --all")
        if not everything:
            raise UsageError("Name a model, or say --all.", hint="ostler fit --help")
        models = (fit_all.listed if catalogue else fit_all.kept)(settings)
        fit_all.show_all(models, fit_all.Ask(machine, room, workload, engine, margin), as_json)
        return
    known, facts = _known(settings, model, quant, what_if, endpoint, offline)
    workload = within(facts, workload)
    check(facts)
    origin, variant = known.origin.name, known.variant.name
    ask = suppose(origin, variant, facts, machine, room, engine, engine_version)
    if ask.engine in OF_GPUS and kv_dtype is None:
        workload = with_own_type(workload)
    found = fit(
        facts, workload, ask.engine, ask.hardware, method=method, margin_percent=margin,
        kinds=ask.kinds, version=ask.version, model=known.origin.name, measured=ask.measured,
    )  # fmt: skip
    range_ = None
    if method == "architecture":
        range_ = explore(
            facts, workload, ask.engine, found, margin_percent=margin, version=ask.version,
            lacks=("fp8",) if card and card.fp8 is False else (),
        )  # fmt: skip
    if as_json:
        show.as_json(_entry(known, found, ask, range_, count))
    else:
        _show(known, found, ask, range_, count)
    if not found.fits:
        raise SystemExit(DoesNotFit.exit_code)


def _gpus(text: str | None, tp: int | None) -> tuple[str | None, int]:
    """Return the GPU's name and how many share a layer; `L4x2` and `2xL4` both mean two."""
    if text is None:
        return None, tp or 1
    found = re.fullmatch(r"(?:(\d+)x\s*)?(.+?)(?:\s*x(\d+))?", text.strip(), re.IGNORECASE)
    name = found[2] if found else text
    said = int((found[1] or found[3] or 0) if found else 0)
    if said and tp and tp > said:
        raise UsageError(
            f"--tp {tp} needs {tp} GPUs, and --gpu names {said}.", hint=f"--gpu {name}x{tp}"
        )
    return name, tp or max(said, 1)


def _flag(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip("-").replace("_", "-"), value


def _known(
    settings: Settings, model: str, quant: str | None, what_if: bool,
    endpoint: str | None, offline: bool,
) -> tuple[Known, ModelFacts]:  # fmt: skip
    """Return the model and its facts, in the quantization asked for.

    Raises QuantizationNotFound.
    """
    from ostler.verbs.inspect import ENOUGH

    wanted = model if quant is None or what_if else f"{model.partition('#')[0]}#{quant}"
    known = _listed(settings, wanted) or look_up(settings, wanted, endpoint, offline, most=ENOUGH)
    if quant is None or not what_if:
        return known, known.facts
    from ostler.core.memory.limits import quantized

    return known, quantized(known.facts, quant)


def _listed(settings: Settings, name: str) -> Known | None:
    """Return a model that the catalogue calls by this short name, from its config.json there."""
    if "/" in name:
        return None
    from ostler.nouns import Listing, Variant
    from ostler.verbs import catalogue

    entries = catalogue.shelf(settings.home).entries
    entry = next((one for one in entries if one.id == name), None)
    if entry is None:
        return None
    facts = catalogue.facts(entry)
    there = Listing("hf", entry.repo, "", (), licence=entry.licence)
    return Known(entry.id, facts, Variant("", facts.format, ()), there)


def _show(known: Known, found: Fit, ask: Supposed, range_: Range | None, count: int) -> None:
    estimate = found.estimate
    show.heading(f"{known.id} with {estimate.engine} ({ask.why})")
    each = f", on each of {count} GPUs" if count > 1 else ""
    show.line(
        f"{estimate.context} tokens of context, {estimate.sequences} at the same moment{each}"
    )
    rows = [
        *[(t.name, memory(t.bytes), f"{t.bytes:,}", t.because) for t in estimate.terms],
        ("total", memory(estimate.total), f"{estimate.total:,}", ""),
        (estimate.margin.name, memory(estimate.margin.bytes), f"{estimate.margin.bytes:,}",
         estimate.margin.because),
        ("required", memory(estimate.required), f"{estimate.required:,}", "total and margin"),
    ]  # fmt: skip
    show.table(("TERM", "MEMORY", "BYTES", "BECAUSE"), rows, right=(1, 2), spare=("BYTES",))
    for one in found.placements:
        verdict = show.style("fits", fg="green") if one.fits else show.style("no", fg="red")
        show.line(f"{one.device.id} ({one.device.name}): {verdict}. {one.because}.")
    if range_ is not None:
        _show_range(range_)
    for text in found.notes:
        show.line(f"Note: {text}")


def _show_range(range_: Range) -> None:
    longest, name = range_.reach.context, range_.device.id
    if longest is not None:
        end = ", all that the model takes" if range_.reach.at_models_end else ""
        show.line(f"Longest context on {name}: {longest:,} tokens{end}.")
        show.line(f"Most sequences of this context on {name}: {range_.reach.sequences:,}.")
    for change in range_.changes[:1]:
        needs = memory(change.required)
        show.line(f"It would fit with {change.what}: {needs} required; the price is {change.cost}.")
    others = ", ".join(change.what for change in range_.changes[1:4])
    if others:
        show.line(f"Or with: {others}.")


def _entry(
    known: Known, found: Fit, ask: Supposed, range_: Range | None, count: int
) -> dict[str, object]:
    estimate = found.estimate
    return {
        "id": known.id,
        "engine": estimate.engine,
        "engine_version": ask.version,
        "engine_because": ask.why,
        "gpus": count,
        "context": estimate.context,
        "sequences": estimate.sequences,
        "terms": estimate.terms,
        "total_bytes": estimate.total,
        "margin": estimate.margin,
        "required_bytes": estimate.required,
        "fits": found.fits,
        "placements": found.placements,
        "longest_context": range_.reach.context if range_ else None,
        "most_sequences": range_.reach.sequences if range_ else None,
        "changes": range_.changes if range_ else (),
        "notes": found.notes,
    }
