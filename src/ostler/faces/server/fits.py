"""Whether a model fits, where, and what that costs, as the control API tells it. May block."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from ostler import data
from ostler.core.gpus import Gpu, find
from ostler.core.kernels import refusal
from ostler.core.memory import estimate, kv_types
from ostler.core.memory.limits import SMALLER_FILES, SMALLER_WEIGHTS, quantized
from ostler.core.offers import Wanted, considered, ranked, split_refusal
from ostler.core.placing import room
from ostler.core.prices import Offer
from ostler.core.sizes import memory
from ostler.errors import OstlerError, QuantizationNotFound
from ostler.faces.api import fit_schemas as s
from ostler.faces.server.knowing import Knowing, Known
from ostler.nouns import Estimate, Format, ModelFacts, Term, Workload
from ostler.verbs import pricing
from ostler.verbs.fit import check, explore, fit, on_gpus, within
from ostler.verbs.prepare import Machine
from ostler.verbs.supposing import OF_GPUS, suppose, usually, with_own_type

SPLITS = (1, 2, 4, 8, 16)
MOST_GPUS = 1024  # of an offer
KV_TYPES = {"llamacpp": kv_types.LLAMA_CPP, "ik_llama.cpp": kv_types.IK_LLAMA_CPP}


def fitted(asked: s.ToFit, knowing: Knowing, machine: Machine) -> s.Fitted:
    """Estimate a model and hold it against this machine, or against the GPU that is named.

    Raises UnknownModel, UnknownGpu, ContextTooLong, QuantizationNotFound, ImpossibleSplit,
    EngineUnsupported, UsageError, and what a hub refuses with.
    """
    known, facts = _counted(asked, knowing)
    card = find(asked.gpu, data.gpus()) if asked.gpu else None
    count = asked.tensor_parallel
    there = on_gpus(card, count) if card else None
    context = asked.context or knowing.settings.context
    load = Workload(
        context, asked.sequences, asked.kv_dtype or "f16", tensor_parallel=count,
        for_all=not asked.context,
    )  # fmt: skip
    load = within(facts, load)
    check(facts)
    ask = suppose(known.name, known.variant, facts, machine, there, asked.engine, None)
    if ask.engine in OF_GPUS and asked.kv_dtype is None:
        load = with_own_type(load)
    found = fit(
        facts, load, ask.engine, ask.hardware, margin_percent=asked.margin_percent,
        kinds=ask.kinds, version=ask.version, model=known.name, measured=ask.measured,
    )  # fmt: skip
    reach = explore(
        facts, load, ask.engine, found, margin_percent=asked.margin_percent, version=ask.version,
        lacks=("fp8",) if card and card.fp8 is False else (),
    )  # fmt: skip
    needed = found.estimate
    gpus, more = _gpus(facts, load, asked, knowing)
    return s.Fitted(
        id=known.id,
        name=known.name,
        kept=known.kept,
        task=facts.task.value if facts.task else None,
        parameters=facts.parameters,
        dtype=facts.dtype,
        quantization=facts.quantization,
        licence=known.licence,
        engine=needed.engine,
        engine_version=ask.version,
        engine_because=ask.why,
        tensor_parallel=count,
        context=needed.context,
        longest_model=facts.context_length,
        sequences=needed.sequences,
        kv_dtype=load.kv_dtype,
        terms=[_term(one) for one in needed.terms],
        total_bytes=needed.total,
        margin=_term(needed.margin),
        required_bytes=needed.required,
        fits=found.fits,
        places=[
            s.PlaceShown(
                id=one.device.id, name=one.device.name, kind=one.device.kind,
                room_bytes=room(one.device), total_bytes=one.device.total_bytes,
                fits=one.fits, because=one.because,
            )
            for one in found.placements
        ],
        longest_context=reach.reach.context if reach else None,
        most_sequences=reach.reach.sequences if reach else None,
        changes=[
            s.ChangeShown(what=one.what, cost=one.cost, required_bytes=one.required)
            for one in (reach.changes if reach else ())
        ],
        gpus=gpus,
        quantizations=_quantizations(known),
        kv_types=list(KV_TYPES.get(needed.engine, _others(needed.engine))),
        splits=[n for n in SPLITS if n == 1 or _splits(facts, n)],
        command=as_command(asked),
        notes=[*found.notes, *more, *([known.note] if known.note else [])],
    )  # fmt: skip


def as_command(asked: s.ToFit) -> str:
    """Return the command line that asks the same."""
    usual = s.ToFit.model_validate({"model": asked.model})
    gpu, many = asked.gpu, asked.tensor_parallel
    words = ["ostler", "fit", asked.model]
    words += ["--gpu", f"{gpu}x{many}" if many > 1 else gpu] if gpu else []
    words += ["--tp", str(many)] if many > 1 and not gpu else []
    words += ["--quant", asked.quantization] if asked.quantization else []
    words += ["--what-if"] if asked.what_if and asked.quantization else []
    words += ["--context", str(asked.context)] if asked.context else []
    words += ["--sequences", str(asked.sequences)] if asked.sequences != usual.sequences else []
    words += ["--kv-dtype", asked.kv_dtype] if asked.kv_dtype else []
    words += ["--engine", asked.engine] if asked.engine else []
    if asked.margin_percent != usual.margin_percent:
        words += ["--margin", str(asked.margin_percent)]
    return shlex.join(words)


def _counted(asked: s.ToFit, knowing: Knowing) -> tuple[Known, ModelFacts]:
    """Return the model, and its facts in the quantization that is asked for."""
    name, wanted = asked.model, asked.quantization
    if wanted and not asked.what_if:
        name = f"{name.partition('#')[0]}#{wanted}"
    known = knowing.model(name)
    if wanted and asked.what_if:
        return known, quantized(known.facts, wanted)
    return known, known.facts


def _gpus(
    facts: ModelFacts, load: Workload, asked: s.ToFit, knowing: Knowing
) -> tuple[list[s.GpuVerdict], list[str]]:
    """Hold every known GPU against the model; the cheapest that fits comes first."""
    engine = asked.engine or usually(facts)
    if engine in OF_GPUS and asked.kv_dtype is None:
        load = with_own_type(load)
    elif load.kv_dtype == "auto":
        load = replace(load, kv_dtype=asked.kv_dtype or "f16")
    try:
        needed = estimate(facts, load, engine, margin_percent=asked.margin_percent)
    except OstlerError as error:
        return [], [f"Other GPUs were not looked at: {error.what}"]
    wanted = Wanted(most_gpus=MOST_GPUS)
    cheapest: dict[str, Offer] = {}
    for offer in ranked(considered(pricing.offers(knowing.settings.home), wanted)):
        if offer.count == load.tensor_parallel:
            cheapest.setdefault(offer.gpu.name, offer)
    found = [_verdict(gpu, facts, needed, cheapest.get(gpu.name)) for gpu in data.gpus()]
    return sorted(found, key=_standing), []


def _verdict(gpu: Gpu, facts: ModelFacts, needed: Estimate, offer: Offer | None) -> s.GpuVerdict:
    from ostler.faces.cli import money

    free, bar = gpu.usable_bytes, refusal(facts, gpu)
    fits = needed.required <= free
    because = f"{memory(needed.required)} needed, {memory(free)} there"
    if not fits:
        because += f": {memory(needed.required - free)} too little"
    return s.GpuVerdict(
        name=gpu.name,
        vendor=gpu.vendor,
        memory_gb=gpu.memory_gb,
        room_bytes=free,
        room_known=gpu.usable_mib is not None,
        fits=fits and bar is None,
        because=bar or because,
        provider=offer.provider if offer else None,
        usd_per_hour=offer.price if offer else None,
        as_of=offer.as_of.isoformat() if offer and offer.as_of else None,
        stale=offer.stale(money.today()) if offer else False,
        offered=offer is not None,
    )


def _standing(one: s.GpuVerdict) -> tuple[bool, bool, float, int, str]:
    price = one.usd_per_hour
    return (not one.fits, price is None, price or 0.0, one.room_bytes, one.name)


def _quantizations(known: Known) -> list[s.QuantizationChoice]:
    """Return what is there, then what could be computed; no more than once each."""
    there = [s.QuantizationChoice(name=name, here=True, bytes=size)
             for name, size in known.choices]  # fmt: skip
    names = SMALLER_FILES if known.facts.format is Format.GGUF else SMALLER_WEIGHTS
    taken = {one.name for one in there} | {known.variant, known.facts.quantization or ""}
    for name in names:
        try:
            size = quantized(known.facts, name).weight_bytes
        except QuantizationNotFound:
            continue
        if name not in taken:
            there.append(s.QuantizationChoice(name=name, here=False, bytes=size))
    return there


def _splits(facts: ModelFacts, many: int) -> bool:
    return facts.format is not Format.GGUF and split_refusal(facts, many) is None


def _others(engine: str) -> Sequence[str]:
    return kv_types.OF_GPUS if engine in OF_GPUS else kv_types.ANY


def _term(one: Term) -> s.TermShown:
    return s.TermShown(name=one.name, bytes=one.bytes, because=one.because)
