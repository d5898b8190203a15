"""Make a kept model's weights smaller: look for it ready-made, plan, run the tool, prove, keep."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ostler.core import budget, quantizing
from ostler.core.naming import Named
from ostler.core.quantizing import Method
from ostler.core.refs import parse
from ostler.core.sizes import file_size, memory
from ostler.errors import DoesNotFit, EngineUnsupported, InsufficientDisk, UsageError
from ostler.nouns import Format, Hardware, Installed, Job, Manifest, ModelFacts, TensorTable
from ostler.ports import Source
from ostler.store import Store
from ostler.store.downloads import id_of
from ostler.verbs.inspect import kept_facts, kept_tables
from ostler.verbs.keep_made import keep
from ostler.verbs.making import Making, convert, make
from ostler.verbs.outcomes import size_after
from ostler.verbs.proving import Made, held_against
from ostler.verbs.ready_made import Ready, look

NEED_GPU = ("awq",)  # "Cannot access accelerator device when none is available", 0.14.0 says
WHOLE_MODEL = 1.2  # sizes of the model that llm-compressor holds at once, a layer's work included

Report = Callable[[Job], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and what it takes. Sizes are bytes."""

    named: Named
    facts: ModelFacts
    method: Method
    tool: Installed
    name: str  # of the result
    before: int
    after: int
    exact: bool  # the size is known to the byte, but for padding
    working: int  # memory that the tool takes
    writing: int  # what the disk must hold until the result is kept
    threads: int
    converter: Installed | None = None
    ready: tuple[Ready, ...] = ()
    hub_error: str | None = None
    notes: tuple[str, ...] = ()


def plan(
    named: Named,
    to: str,
    store: Store,
    tools: Sequence[Installed],
    source: Source | None,
    *,
    name: str | None = None,
    wanted: str | None = None,
    again: bool = False,
    threads: int = 1,
) -> Plan:
    """Return what would be done; the hub is asked for ready-made ones, nothing is written.

    `wanted` names the tool to use. `again` allows weights that are packed already to be packed
    anew. Raises UsageError, EngineUnsupported, CorruptFile.
    """
    method = quantizing.method(to)
    facts = kept_facts(store, named.manifest, named.variant)
    tables = kept_tables(store, named.manifest, named.variant)
    _refuse_packed(named, facts, tables, method, again)
    tool = _tool(method, tools, wanted)
    convert_with = _converter(named, facts, method, tools)
    after, exact = size_after(facts, tables, method)
    before = facts.weight_bytes
    whole = method.format is Format.SAFETENSORS
    ready, hub_error = look(named.manifest.name, method, store, source)
    return Plan(
        named=named,
        facts=facts,
        method=method,
        tool=tool,
        name=parse(name or quantizing.new_name(named.manifest.name, method)).name,
        before=before,
        after=after,
        exact=exact,
        working=int(before * WHOLE_MODEL) if whole else threads * (64 << 20),
        writing=after + (before if convert_with else 0),
        threads=threads,
        converter=convert_with,
        ready=ready,
        hub_error=hub_error,
    )


def _refuse_packed(
    named: Named, facts: ModelFacts, tables: Sequence[TensorTable], method: Method, again: bool
) -> None:
    if method.format is Format.SAFETENSORS and facts.format is not Format.SAFETENSORS:
        raise UsageError(
            f"{method.name} is made from safetensors, and {named.id} is {facts.format}.",
            hint="Pull the original repository, or choose a GGUF type: `ostler quantize MODEL`.",
        )
    if facts.format is Format.PYTORCH:
        raise UsageError(
            f"{named.id} is a PyTorch checkpoint, which runs code when it is read.",
            hint="Pull a repository with safetensors.",
        )
    is_packed = quantizing.already(tables) if facts.format is Format.GGUF else facts.quantization
    if is_packed and not again:
        raise UsageError(
            f"{named.id} is made smaller already ({is_packed}); doing it again loses more than "
            "starting from the original.",
            hint="Take its f16, bf16 or f32 variant, or the original repository.",
            found=is_packed,
        )


def _tool(method: Method, tools: Sequence[Installed], wanted: str | None) -> Installed:
    fit = {"llamacpp": ("llamacpp", "llama-quantize")}.get(method.tool, (method.tool,))
    usable = [one for one in tools if one.engine in fit]
    chosen = [one for one in usable if wanted in (None, one.engine)]
    if chosen:
        return chosen[0]
    hint = {
        "llmcompressor": "`ostler engine install llmcompressor` installs it.",
        "llamacpp": "`pip install xllamacpp` brings it, or put llama-quantize on PATH.",
    }[method.tool]
    raise EngineUnsupported(
        f"{method.name} needs {wanted or method.tool}, which is not installed.",
        hint=hint if wanted is None else f"For {method.name} there are: {', '.join(fit)}.",
        installed=[one.engine for one in usable],
    )


def _converter(
    named: Named, facts: ModelFacts, method: Method, tools: Sequence[Installed]
) -> Installed | None:
    """What writes safetensors as GGUF first; None where that is not needed."""
    if method.format is not Format.GGUF or facts.format is Format.GGUF:
        return None
    found = next((one for one in tools if one.engine == "converter"), None)
    if found:
        return found
    raise EngineUnsupported(
        f"{named.id} is safetensors, and {method.name} is made from GGUF. llama.cpp's converter, "
        "convert_hf_to_gguf.py, is not on PATH.",
        hint=f"Most models exist as GGUF: `ostler search {quantizing.stem(named.id)} gguf`. Or "
        "clone llama.cpp, install its requirements, and put the script on PATH.",
    )


def require(plan: Plan, store: Store, hardware: Hardware, reserve: int | None = None) -> None:
    """Raise where this machine cannot: EngineUnsupported, InsufficientDisk or DoesNotFit."""
    if plan.method.name in NEED_GPU and not hardware.of_kind("nvidia"):
        raise EngineUnsupported(
            f"llm-compressor makes {plan.method.name} on a GPU only, and there is none here.",
            hint="gptq has as many bits and is made on a processor too.",
        )
    free_memory = hardware.of_kind("cpu")[0].free_bytes
    free, total = store.disk()
    stays, because = budget.reserve(total, reserve)
    if plan.writing > free - stays:
        raise InsufficientDisk(
            f"{file_size(plan.writing)} are to be written, and {store.home} has {file_size(free)} "
            f"free, of which {file_size(stays)} stay free.",
            hint="`ostler rm` makes room, or set OSTLER_HOME to another disk.",
            needed=plan.writing, free=free, reserve=stays, because=because,
        )  # fmt: skip
    if plan.working > free_memory:
        raise DoesNotFit(
            f"{plan.tool.engine} needs about {memory(plan.working)} of memory for this, and "
            f"{memory(free_memory)} are free.",
            hint="Unload a model (`ostler ps`), use fewer threads (OSTLER_THREADS), or take one "
            "that is ready-made.",
            needed=plan.working, free=free_memory,
        )  # fmt: skip


def carry_out(
    plan: Plan,
    store: Store,
    report: Report,
    prove: Callable[[Made], None],
) -> Manifest:
    """Run the tool, hold the result against the model, try it by `prove`, and keep it.

    `prove` raises where the result does not answer. Nothing is kept, and nothing is left behind,
    where any of it fails. Raises Busy, Cancelled,
    EngineFailed, CorruptFile.
    """
    jobs, job = store.jobs, described(plan)
    with jobs.running(job) as folder:
        making = Making(jobs, job, report, plan.threads)
        result = folder / "result"
        result.mkdir(mode=0o700)
        original = store.folder(plan.named.manifest)
        weights = [original / path for path in plan.named.variant.files]
        if plan.converter:
            weights = [convert(plan.converter, original, folder / "converted.gguf", making)]
        make(plan.tool, plan.method, weights, original, result, file_name(plan), making)
        making.stage("checking")
        made = held_against(plan.facts, result)
        making.check_cancelled()
        prove(made)
        making.check_cancelled()
        making.stage("keeping")
        first = f"{Path(plan.converter.argv[0]).name}, then " if plan.converter else ""
        made_by = f"{first}{plan.tool.engine} {plan.tool.version}, {plan.method.name}"
        return keep(plan.named, plan.name, made_by, result, store)


def described(plan: Plan) -> Job:
    """The record of a job that is about to begin; the same job has the same id."""
    now, source = time.time(), plan.named
    return Job(
        id=id_of(plan.name, source.manifest.commit, f"{source.variant.name}>{plan.method.name}"),
        kind="quantize",
        model=source.id,
        result=plan.name,
        host=platform.node(),
        pid=os.getpid(),
        began=now,
        told=now,
    )


def file_name(plan: Plan) -> str:
    """The weight file's name, of a GGUF result: by it the variant is known."""
    stem = quantizing.stem(plan.named.manifest.name)
    return f"{stem}-{plan.method.name.upper()}.gguf"
