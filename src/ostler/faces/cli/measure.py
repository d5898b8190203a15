"""`ostler measure`: what a model really takes, by starting it or by hand."""

from __future__ import annotations

import asyncio
from contextlib import closing

import click

from ostler import wiring
from ostler.core.memory import DEFAULT_CONTEXT
from ostler.core.naming import Named
from ostler.core.pace import amount
from ostler.core.sizes import memory
from ostler.errors import UsageError
from ostler.faces.cli import journal, options, show
from ostler.faces.cli.waiting import waiting
from ostler.nouns import Measurement, Term, Workload
from ostler.settings import Settings

COMPONENTS = (
    "total", "weights", "kv", "compute_buffer", "output_buffer", "activation", "graphs", "non_torch"
)  # fmt: skip


@click.command("measure")
@click.argument("model")
@click.option(
    "--vram", "size", metavar="SIZE",
    help="Keep this figure, such as 18.2GB or 17GiB, and start nothing.",
)  # fmt: skip
@click.option(
    "--component",
    type=click.Choice(COMPONENTS),
    default="total",
    show_default=True,
    help="What --vram is the size of.",
)
@click.option("--version", metavar="TEXT", help="The engine's, where --vram is of another one.")
@click.option("--source", metavar="TEXT", help="Who or what says --vram.")
@options.engine
@options.context
@options.sequences
@options.kv_dtype
@options.flags
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, size: str | None, component: str, version: str | None,
    source: str | None, engine: str | None, context: int | None, sequences: int, kv_dtype: str,
    flags: tuple[tuple[str, str], ...], as_json: bool,
) -> None:  # fmt: skip
    """Start MODEL, read what it takes, keep that, and stop it again.

    The next estimate of this model, or of its family, on this version of the engine uses it.
    With --vram nothing is started: the figure is yours. Every `ostler run` and every load by
    `ostler serve` is measured as well, without being asked.

    \b
    ostler measure Qwen/Qwen2.5-0.5B-Instruct-GGUF --context 4096 --sequences 4
    ostler measure Qwen/Qwen2.5-7B-Instruct --vram 18.2GB --engine vllm --version 0.11.0
    """
    named = wiring.named(settings, model)
    tokens = context or settings.context
    workload = Workload(
        tokens, sequences, kv_dtype, threads=settings.threads, flags=flags, for_all=not context
    )
    if size is None:
        with waiting(f"Starting {named.id}"):
            terms, measured = asyncio.run(_by_starting(settings, named, workload, engine))
    else:
        taken = amount(size, "--vram")
        if taken is None:
            raise UsageError("--vram: how much?", hint="For example --vram 18.2GB")
        one = _by_hand(settings, named, workload, engine, version)
        terms, measured = (), (_said(one, component, taken, source or journal.actor()),)
    with closing(wiring.records(settings)) as records:
        records.measurements.add(measured)
    if as_json:
        show.as_json(measured)
    else:
        _show(named, terms, measured)


async def _by_starting(
    settings: Settings, named: Named, workload: Workload, engine: str | None
) -> tuple[tuple[Term, ...], tuple[Measurement, ...]]:
    """Start the model, read what it takes, stop it; return what was expected and what was."""
    from ostler.verbs.hold import held
    from ostler.verbs.learning import measure
    from ostler.verbs.prepare import prepare
    from ostler.verbs.start import size_of

    machine = wiring.machine(settings, remembers=False)
    ready = prepare(named, wiring.store(settings), machine, workload, engine)
    port = wiring.engine_port(settings)
    log = str(wiring.log_path(settings, named.id))
    mark = size_of(log)
    async with held(ready, wiring.launcher(), port, log) as (process, _):
        measured = measure(named, ready, workload, process.pid, log, mark, wiring.reading())
    return ready.estimate.terms, measured


def _by_hand(
    settings: Settings, named: Named, workload: Workload, engine: str | None, version: str | None
) -> Measurement:
    """Return of what a figure is, for an engine that need not be here."""
    from ostler.verbs.inspect import kept_facts

    facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
    name = engine or ("llamacpp" if facts.format.value == "gguf" else "transformers")
    here = wiring.machine(settings).installed.get(name)
    return Measurement(
        model=named.manifest.name,
        commit=named.manifest.commit,
        variant=named.variant.name,
        family=facts.family or facts.architecture,
        engine=name,
        version=version or (here.version if here else ""),
        component="total",
        bytes=0,
        context=workload.context or min(facts.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT),
        sequences=workload.sequences,
        kv_dtype=workload.kv_dtype,
    )


def _said(one: Measurement, component: str, size: int, source: str) -> Measurement:
    from dataclasses import replace

    return replace(one, component=component, bytes=size, source=source)


def _show(named: Named, terms: tuple[Term, ...], measured: tuple[Measurement, ...]) -> None:
    from ostler.core.learning import compared

    if not measured:
        show.line(f"{named.id} started, but neither its log nor the system says what it takes.")
        return
    one = measured[0]
    show.heading(f"{named.id} with {one.engine} {one.version}".rstrip())
    show.table(
        ("PART", "MEASURED", "BYTES", "ON", "SAID BY"),
        [
            (m.component, memory(m.bytes), f"{m.bytes:,}", m.device or "-", m.source)
            for m in measured
        ],
        right=(1, 2),
    )
    for name, said, took in compared(terms, measured) if terms else ():
        show.line(f"{name}: {memory(said)} were expected, {memory(took)} measured.")
    by_hand = "" if terms else " by hand"
    show.line(f"Kept{by_hand}; the next estimate of this model under this load knows of it.")
