"""`ostler quantize`: a kept model's weights made smaller, kept as a model of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from ostler import wiring
from ostler.core.pace import amount
from ostler.core.sizes import file_size, memory
from ostler.errors import EngineUnsupported
from ostler.faces.cli import asking, journal, making, options, show
from ostler.nouns import Manifest, Workload
from ostler.settings import Settings
from ostler.verbs import quantize
from ostler.verbs.proving import Made, tried
from ostler.verbs.quantize import Plan


@click.command("quantize")
@click.argument("model")
@click.option("--to", metavar="METHOD", help="q4_k_m, q8_0, awq, ... Without it: what there is.")
@click.option("--name", metavar="OWNER/NAME", help="The result's name.  [default: local/...]")
@click.option("--tool", metavar="NAME", help="llamacpp (the wheel's kernels) or llama-quantize.")
@click.option("--again", is_flag=True, help="Even where the weights were made smaller before.")
@click.option("--untried", is_flag=True, help="Keep the result though no engine here can try it.")
@options.endpoint
@options.offline
@options.dry_run
@options.yes
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, to: str | None, name: str | None, tool: str | None,
    again: bool, untried: bool, endpoint: str | None, offline: bool, dry_run: bool, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a kept MODEL's weights smaller, and keep the result as a model of its own.

    The hub is asked first who has done it already. The result is held against the original, tried
    with a real request, and kept with its licence and what it was made from. Where it is
    ready-made on the hub, --yes is needed to do it all the same.

    \b
    ostler quantize Qwen/Qwen2.5-0.5B-Instruct-GGUF#f16
    ostler quantize Qwen/Qwen2.5-0.5B-Instruct-GGUF#f16 --to q4_k_m --dry-run
    ostler quantize Qwen/Qwen2.5-0.5B-Instruct --to awq
    """
    named = wiring.named(settings, model)
    store, machine = wiring.store(settings), wiring.machine(settings, remembers=False)
    source = None if offline else wiring.source(settings, endpoint)
    if to is None:
        making.show_methods(named, store, source, as_json)
        return
    threads = settings.threads or machine.hardware.cores
    plan = quantize.plan(
        named, to, store, wiring.tools(settings), source,
        name=name, wanted=tool, again=again, threads=threads,
    )  # fmt: skip
    if not as_json or dry_run:
        _show_plan(plan, as_json)
    reserve = amount(settings.reserve, "OSTLER_RESERVE", least=0) if settings.reserve else None
    quantize.require(plan, store, machine.hardware, reserve)
    if dry_run:
        return
    _confirm(plan, model, yes)
    swept = store.jobs.sweep()
    for job in swept:
        show.note(f"{job.id} was killed half-way; what it left is removed.")
    said: list[str] = []

    def prove(made: Made) -> None:
        said.append(_tried(settings, made, plan, untried))

    with making.shown(as_json) as report:
        manifest = quantize.carry_out(plan, store, report, prove)
    journal.did(
        settings, "quantize", manifest.name, why=plan.method.name,
        derived_from=manifest.derived_from, made_by=manifest.made_by,
    )  # fmt: skip
    _show_result(plan, manifest, said[0], as_json)


def _tried(settings: Settings, made: Made, plan: Plan, untried: bool) -> str:
    machine = wiring.machine(settings, remembers=False)
    port = wiring.engine_port(settings)
    log = str(wiring.log_path(settings, plan.name))
    workload = Workload(settings.context or 512, 1, threads=settings.threads, for_all=True)
    try:
        return asyncio.run(tried(made, plan.name, machine, wiring.launcher(), port, log, workload))
    except EngineUnsupported as error:
        if untried:
            return f"Not tried: {error.what}"
        raise EngineUnsupported(
            f"The result cannot be tried here, so it is not kept. {error.what}",
            hint="--untried keeps it all the same, for another machine.",
        ) from None


def _confirm(plan: Plan, model: str, yes: bool) -> None:
    proven = [one for one in plan.ready if one.size is not None]
    if not proven or yes:
        return
    first = proven[0]
    what = f"{first.name} has it ready-made"
    pull = f"ostler pull {first.name}" + (f"#{first.variant}" if first.variant else "")
    asking.confirm(
        f"{what} ({pull}). Make it here all the same?",
        f"nothing was made: {what}",
        f"{pull}   or: ostler quantize {model} --to {plan.method.name} --yes",
        ready=plan.ready,
    )


def _show_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        show.as_json(as_data(plan))
        return
    making.show_ready(plan.ready, plan.hub_error)
    about = "" if plan.exact else "about "
    size = f"{about}{file_size(plan.after)} ({plan.after / max(plan.before, 1):.0%})"
    loss = f"{plan.method.loss} ({plan.method.source}); another model may lose more or less"
    show.pairs(
        [
            ("from", f"{plan.named.id}, {file_size(plan.before)}"),
            ("to", f"{plan.name}, {size}"),
            ("loss", loss),
            ("tool", _tools(plan)),
            ("memory", f"about {memory(plan.working)} for the tool"),
            ("licence", f"{plan.named.manifest.licence or 'unknown'}, the original's"),
        ]
    )


def as_data(plan: Plan) -> dict[str, object]:
    """The plan as JSON has it."""
    return {
        "model": plan.named.id, "method": show.plain(plan.method), "name": plan.name,
        "bytes_before": plan.before, "bytes_after": plan.after, "exact": plan.exact,
        "memory_bytes": plan.working, "disk_bytes": plan.writing,
        "tool": f"{plan.tool.engine} {plan.tool.version}", "licence": plan.named.manifest.licence,
        "ready_made": show.plain(plan.ready), "hub_error": plan.hub_error,
    }  # fmt: skip


def _show_result(plan: Plan, manifest: Manifest, said: str, as_json: bool) -> None:
    if as_json:
        show.event(
            {
                "event": "kept", "name": manifest.name, "commit": manifest.commit,
                "bytes": manifest.size, "licence": manifest.licence,
                "derived_from": manifest.derived_from, "made_by": manifest.made_by, "tried": said,
            }
        )  # fmt: skip
        return
    show.line(f"Kept {manifest.name}: {file_size(manifest.size)} of {file_size(plan.before)}.")
    show.line(said)
    show.line(f'ostler run {manifest.name} "Why is the sky blue?"')


def _tools(plan: Plan) -> str:
    """The tool, and what writes the model as GGUF before it."""
    said = f"{plan.tool.engine} {plan.tool.version}"
    return f"{said}, after {Path(plan.converter.argv[0]).name}" if plan.converter else said
