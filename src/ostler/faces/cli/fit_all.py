"""`ostler fit --all`: every model that is kept here, and whether it fits."""

from __future__ import annotations

from dataclasses import replace

from ostler import wiring
from ostler.core.naming import Named, served_names
from ostler.core.sizes import memory
from ostler.errors import OstlerError
from ostler.faces.cli import show
from ostler.nouns import Hardware, Workload
from ostler.settings import Settings
from ostler.verbs.fit import Fit, fit
from ostler.verbs.inspect import kept_facts
from ostler.verbs.prepare import Machine, choose_engine

OF_GPUS = ("vllm", "sglang", "tensorrt-llm")
ENGINES = {"gguf": "llamacpp", "safetensors": "vllm"}


def show_all(
    settings: Settings, machine: Machine, room: Hardware | None, workload: Workload,
    engine: str | None, margin: int, as_json: bool,
) -> None:  # fmt: skip
    """Print one line for each kept model: what it needs, where it fits, or why that is unknown."""
    kept = wiring.store(settings)
    rows = [
        (named.id, *_row(settings, named, machine, room, workload, engine, margin))
        for named in served_names(kept.models())
    ]
    if as_json:
        names = ("id", "engine", "required_bytes", "fits", "because")
        show.as_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if not rows:
        show.note("Nothing is kept here yet.")
        show.note("  ostler pull ORG/NAME")
        return
    show.table(
        ("MODEL", "ENGINE", "REQUIRED", "FITS", "BECAUSE"),
        [
            (id, name, memory(size), {True: "yes", False: "no", None: "unknown"}[fits], why)
            for id, name, size, fits, why in rows
        ],
        right=(2,),
        shrink=4,
    )


def with_own_type(workload: Workload) -> Workload:
    """Return the workload with the cache in the type that the model computes in."""
    return replace(workload, kv_dtype="auto")


def _row(
    settings: Settings, named: Named, machine: Machine, room: Hardware | None,
    workload: Workload, engine: str | None, margin: int,
) -> tuple[str, int | None, bool | None, str]:  # fmt: skip
    """Return the engine, what is required, whether that fits, and why; None where unknown."""
    name = engine or ""
    try:
        facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
        kinds: tuple[str, ...] = ()
        if room is not None:
            name = engine or ENGINES.get(facts.format.value, "transformers")
        else:
            choice = choose_engine(facts, machine, engine)
            name, kinds = choice.engine, choice.kinds
        load = with_own_type(workload) if name in OF_GPUS else workload
        if facts.context_length and load.context and load.context > facts.context_length:
            load = replace(load, context=facts.context_length)
        found: Fit = fit(
            facts, load, name, room or machine.hardware, margin_percent=margin, kinds=kinds
        )
    except OstlerError as refusal:
        return name, None, None, refusal.what
    best = found.placements[0] if found.placements else None
    because = f"{best.device.id}: {best.because}" if best else "there is no device"
    return name, found.estimate.required, found.fits, because
