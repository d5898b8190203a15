"""`ostler fit`: what a model needs, by term, and where it fits."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.sizes import memory
from ostler.errors import DoesNotFit, EngineUnsupported
from ostler.faces.cli import options, show
from ostler.faces.cli.facts import Known, look_up
from ostler.faces.cli.measured import measured
from ostler.nouns import ModelFacts, Workload
from ostler.settings import Settings
from ostler.verbs.fit import Fit, fit
from ostler.verbs.prepare import Machine, choose_engine


@click.command("fit")
@click.argument("model")
@options.context
@options.sequences
@options.kv_dtype
@options.engine
@click.option(
    "--method",
    type=click.Choice(["architecture", "soong"]),
    default="architecture",
    show_default=True,
    help="Add up what the files say, or soong's rule of thumb.",
)
@click.option(
    "--margin", type=click.IntRange(0, 100), metavar="N", default=10, show_default=True, help="%"
)
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, context: int | None, sequences: int, kv_dtype: str,
    engine: str | None, method: str, margin: int, endpoint: str | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what MODEL needs in memory, as terms that add up, and where it fits here.

    A model that is not kept here is looked at on the hub, a few kilobytes of it. The exit code is
    18 where it fits on no device.

    \b
    ostler fit Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m
    ostler fit Qwen/Qwen2.5-0.5B-Instruct-GGUF --context 32768 --sequences 4
    """
    known = look_up(settings, model, endpoint, offline)
    machine = wiring.machine(settings)
    workload = Workload(context or settings.context, sequences, kv_dtype)
    name, kinds, why = _engine(known.facts, machine, engine)
    here = machine.installed.get(name)
    version = here.version if here else None
    found = fit(
        known.facts, workload, name, machine.hardware,
        method=method, margin_percent=margin, kinds=kinds, version=version,
        model=known.origin.name, measured=measured(settings, known, name, version),
    )  # fmt: skip
    if as_json:
        show.as_json(_entry(known, found, why))
    else:
        _show(known, found, why)
    if not found.fits:
        raise SystemExit(DoesNotFit.exit_code)


def _engine(
    facts: ModelFacts, machine: Machine, wanted: str | None
) -> tuple[str, tuple[str, ...], str]:
    """Return the engine to estimate for, the devices it uses, and why it is this one.

    Where no engine here runs the model, its estimate is still of use: for the engine that would.
    """
    try:
        choice = choose_engine(facts, machine, wanted)
    except EngineUnsupported as refusal:
        name = wanted or ("llamacpp" if facts.format.value == "gguf" else "transformers")
        return name, (), f"not startable here: {refusal.what}"
    return choice.engine, choice.kinds, choice.rule


def _show(known: Known, found: Fit, why: str) -> None:
    estimate = found.estimate
    show.heading(f"{known.id} with {estimate.engine} ({why})")
    show.line(f"{estimate.context} tokens of context, {estimate.sequences} at the same moment")
    rows = [
        *[(t.name, memory(t.bytes), f"{t.bytes:,}", t.because) for t in estimate.terms],
        ("total", memory(estimate.total), f"{estimate.total:,}", ""),
        (estimate.margin.name, memory(estimate.margin.bytes), f"{estimate.margin.bytes:,}",
         estimate.margin.because),
        ("required", memory(estimate.required), f"{estimate.required:,}", "total and margin"),
    ]  # fmt: skip
    show.table(("TERM", "MEMORY", "BYTES", "BECAUSE"), rows, right=(1, 2), shrink=3)
    for one in found.placements:
        verdict = show.style("fits", fg="green") if one.fits else show.style("no", fg="red")
        show.line(f"{one.device.id} ({one.device.name}): {verdict}. {one.because}.")
    for text in found.notes:
        show.line(f"Note: {text}")


def _entry(known: Known, found: Fit, why: str) -> dict[str, object]:
    estimate = found.estimate
    return {
        "id": known.id,
        "engine": estimate.engine,
        "engine_because": why,
        "context": estimate.context,
        "sequences": estimate.sequences,
        "terms": estimate.terms,
        "total_bytes": estimate.total,
        "margin": estimate.margin,
        "required_bytes": estimate.required,
        "fits": found.fits,
        "placements": found.placements,
        "notes": found.notes,
    }
