"""Learn from a start: what the engine said it took, and what its process really takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from ostler.core.loadlog import read
from ostler.core.naming import Named
from ostler.nouns import Device, Measurement, Workload
from ostler.verbs.prepare import Prepared

LOG_OF_A_START = 4 << 20  # bytes; vLLM's progress bars make it long


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what a process and its children take; None where it is not known."""

    memory: Callable[[int], int | None]  # bytes
    gpu: Callable[[int], int | None]  # bytes
    worked: Callable[[int], float | None] = lambda pid: None  # seconds of the processor, in all


def measure(
    named: Named, prepared: Prepared, workload: Workload, pid: int, log: str, mark: int,
    reading: Reading,
) -> tuple[Measurement, ...]:  # fmt: skip
    """Return what a model that has just become ready takes, part by part and as a whole.

    `mark` is where in the log this start began.
    """
    about = subject(named, prepared, workload)
    said = read(about.engine, lines_from(log, mark))
    parts = [
        replace(about, component=part.component, bytes=part.bytes, device=part.device, source="log")
        for part in said.parts
    ]
    if said.kv_tokens:  # all the memory that was left: so many bytes for so many tokens
        parts = [_for_tokens(part, said.kv_tokens) for part in parts]
    return (*parts, *_whole(about, prepared.placement.device, pid, reading))


def subject(named: Named, prepared: Prepared, workload: Workload) -> Measurement:
    """Return a measurement of nothing yet, that says of what and under which load."""
    facts, estimate = prepared.served.facts, prepared.estimate
    return Measurement(
        model=named.manifest.name,
        commit=named.manifest.commit,
        variant=named.variant.name,
        family=facts.family or facts.architecture,
        engine=prepared.choice.engine,
        version=prepared.choice.installed.version,
        component="total",
        bytes=0,
        context=estimate.context,
        sequences=estimate.sequences,
        kv_dtype=workload.kv_dtype,
        tensor_parallel=workload.tensor_parallel,
        flags=workload.flags,
    )


def _for_tokens(part: Measurement, tokens: int) -> Measurement:
    if part.component != "kv":
        return part
    return replace(part, context=tokens, sequences=1)


def _whole(
    about: Measurement, device: Device, pid: int, reading: Reading
) -> tuple[Measurement, ...]:
    on_gpu = device.kind == "nvidia"
    taken = reading.gpu(pid) if on_gpu else reading.memory(pid)
    if taken is None:
        return ()
    source = "device" if on_gpu else "process"
    return (replace(about, bytes=taken, device=device.id, source=source),)


def lines_from(log: str, mark: int) -> list[str]:
    """Return the lines of a log from a mark on, without Ostler's own; none where it is gone."""
    try:
        with open(log, "rb") as file:
            file.seek(mark if mark <= os.fstat(file.fileno()).st_size else 0)
            lines = file.read(LOG_OF_A_START).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if not line.startswith("=== ")]
