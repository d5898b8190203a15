"""`ostler fit --all`: every model that is kept here, or in the catalogue, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ostler import wiring
from ostler.core.naming import served_names
from ostler.core.sizes import memory
from ostler.errors import EngineUnsupported, OstlerError
from ostler.faces.cli import show
from ostler.nouns import Hardware, ModelFacts, Workload
from ostler.settings import Settings
from ostler.verbs.fit import Fit, fit
from ostler.verbs.inspect import kept_facts
from ostler.verbs.prepare import Machine, choose_engine
from ostler.verbs.supposing import OF_GPUS, usually, with_own_type


@dataclass(frozen=True, slots=True)
class Ask:
    """What every model is held against."""

    machine: Machine
    room: Hardware | None  # GPUs that were named in place of the machine
    workload: Workload
    engine: str | None
    margin: int


Model = tuple[str, Callable[[], ModelFacts]]  # its id; its facts, or a refusal


def kept(settings: Settings) -> list[Model]:
    """Return every model that is kept here."""
    store = wiring.store(settings)
    return [
        (named.id, partial(kept_facts, store, named.manifest, named.variant))
        for named in served_names(store.models())
    ]


def listed(settings: Settings) -> list[Model]:
    """Return every model of the catalogue, as its files here or its config.json describe it."""
    from ostler.verbs import catalogue

    return [
        (entry.id, partial(catalogue.facts, entry))
        for entry in catalogue.shelf(settings.home).entries
    ]


def show_all(models: Sequence[Model], ask: Ask, as_json: bool) -> None:
    """Print one line for each model: what it needs, where it fits, or why that is unknown."""
    rows = [(id, *_row(facts, ask)) for id, facts in models]
    if as_json:
        names = ("id", "engine", "required_bytes", "fits", "because")
        show.as_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if not rows:
        show.note("Nothing is kept here yet.")
        show.note("  ostler pull ORG/NAME")
        show.note("  ostler fit --all --catalogue")
        return
    rows.sort(key=lambda row: (row[2] is None, row[2] or 0, row[0]))
    show.table(
        ("MODEL", "ENGINE", "REQUIRED", "FITS", "BECAUSE"),
        [
            (id, name, memory(size), {True: "yes", False: "no", None: "unknown"}[fits], why)
            for id, name, size, fits, why in rows
        ],
        right=(2,),
        spare=("ENGINE",),
    )


def _row(facts_of: Callable[[], ModelFacts], ask: Ask) -> tuple[str, int | None, bool | None, str]:
    """Return the engine, what is required, whether that fits, and why; None where unknown."""
    name = ask.engine or ""
    try:
        facts = facts_of()
        name, kinds = _engine(facts, ask)
        load = with_own_type(ask.workload) if name in OF_GPUS else ask.workload
        if facts.context_length and load.context and load.context > facts.context_length:
            load = replace(load, context=facts.context_length)
        where = ask.room or ask.machine.hardware
        found: Fit = fit(facts, load, name, where, margin_percent=ask.margin, kinds=kinds)
    except OstlerError as refusal:
        return name, None, None, refusal.what
    if not facts.weight_bytes:
        return name, None, None, "what it weighs is not known"
    best = found.placements[0] if found.placements else None
    because = f"{best.device.id}: {best.because}" if best else "there is no device"
    return name, found.estimate.required, found.fits, because


def _engine(facts: ModelFacts, ask: Ask) -> tuple[str, tuple[str, ...]]:
    """Return the engine to estimate for, and the kinds of device it uses.

    Where none here runs the model, it is the one that would.
    """
    if ask.room is not None:
        return ask.engine or usually(facts), ()
    try:
        choice = choose_engine(facts, ask.machine, ask.engine)
    except EngineUnsupported:
        if ask.engine:
            raise
        return "llamacpp" if facts.format.value == "gguf" else "transformers", ()
    return choice.engine, choice.kinds
