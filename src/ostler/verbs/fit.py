"""Does a model fit on this machine: what it needs, and every device's answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ostler.core.gpus import Gpu
from ostler.core.memory import MARGIN_PERCENT, estimate
from ostler.core.memory.limits import Change, Reach, changes, reach
from ostler.core.placing import place, room
from ostler.errors import ContextTooLong, Contradiction
from ostler.nouns import Device, Estimate, Hardware, Measurement, ModelFacts, Placement, Workload

STRETCHES = ("rope", "yarn", "override")  # flags of engines that give a model more positions


@dataclass(frozen=True, slots=True)
class Fit:
    """An estimate, one placement per device (best first), and what to know about both."""

    estimate: Estimate
    placements: tuple[Placement, ...]
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return any(placement.fits for placement in self.placements)


def fit(
    facts: ModelFacts,
    workload: Workload,
    engine: str,
    hardware: Hardware,
    *,
    method: str = "architecture",
    margin_percent: int = MARGIN_PERCENT,
    reserve: int | None = None,
    kinds: Collection[str] = (),
    version: str | None = None,
    model: str | None = None,
    measured: Sequence[Measurement] = (),
) -> Fit:
    """Return what the model needs under `engine`, and where on this machine it fits.

    `kinds` are the kinds of device the engine can use ("cpu", "nvidia", ...), all where empty.
    `measured` is what `model` or its family took on this version of the engine.
    Raises EngineUnsupported and UsageError as `estimate` does.
    """
    needed = estimate(
        facts, workload, engine, method, margin_percent,
        version=version, model=model, measured=measured,
    )  # fmt: skip
    usable = tuple(one for one in hardware.devices if not kinds or one.kind in kinds)
    placements = place(needed, replace(hardware, devices=usable), reserve)
    return Fit(needed, placements, (*needed.notes, *facts.unknown, *hardware.notes))


CONTRADICTS_PERCENT = 5  # between the weights in the headers and those that config.json describes


@dataclass(frozen=True, slots=True)
class Range:
    """What one device could hold of a model, and what would make it fit where it does not."""

    device: Device
    reach: Reach
    changes: tuple[Change, ...]


def explore(
    facts: ModelFacts,
    workload: Workload,
    engine: str,
    found: Fit,
    *,
    margin_percent: int = MARGIN_PERCENT,
    reserve: int | None = None,
    version: str | None = None,
    lacks: Collection[str] = (),
) -> Range | None:
    """Return how far the best device of a fit reaches; None where there is no device at all.

    `lacks` are the types that it cannot compute in, such as fp8.
    """
    if not found.placements:
        return None

    def ask(model: ModelFacts, load: Workload) -> Estimate:
        return estimate(model, load, engine, margin_percent=margin_percent, version=version)

    device = found.placements[0].device
    free = room(device, reserve)
    load = replace(workload, context=found.estimate.context)
    better = () if found.fits else changes(facts, load, ask, free, lacks)
    return Range(device, reach(facts, load, ask, free), better)


def on_gpus(gpu: Gpu, count: int) -> Hardware:
    """Return a machine with so many of these GPUs, each all free, and nothing else."""
    name = f"{count}x {gpu.name}" if count > 1 else gpu.name
    device = Device(gpu.vendor, 0, name, gpu.usable_bytes, gpu.usable_bytes)
    said = "" if gpu.usable_mib else f"How much of {gpu.name} is usable is not published; "
    note = f"{said}{gpu.usable_bytes:,} bytes of each are counted ({gpu.source})."
    return Hardware("linux", gpu.host or "x86_64", "", 1, (device,), (note,))


def within(facts: ModelFacts, workload: Workload) -> Workload:
    """Return the workload with a context that the model takes.

    One that was said for every model becomes the longest of this one; one that was asked for
    this model is refused, but where a flag stretches positions. Raises ContextTooLong.
    """
    limit, asked = facts.context_length, workload.context
    stretched = any(sign in name for name, _ in workload.flags for sign in STRETCHES)
    if limit is None or asked is None or asked <= limit or stretched:
        return workload
    if workload.for_all:
        return replace(workload, context=limit)
    raise ContextTooLong(
        f"A context of {asked:,} tokens was asked for, and the model takes {limit:,}.",
        hint=f"Take --context {limit} or less. In ostler.yaml that is `context: {limit}`.",
        context=asked,
        limit=limit,
    )


def check(facts: ModelFacts) -> None:
    """Refuse a config.json that the weights belie. Raises Contradiction."""
    described = sum(matrix.parameters for matrix in facts.matrices)
    counted = facts.parameters
    if not described or not counted or any("architecture_unknown" in one for one in facts.unknown):
        return
    if abs(described - counted) * 100 > CONTRADICTS_PERCENT * counted:
        raise Contradiction(
            f"config.json describes {described:,} parameters, and the weights have {counted:,}.",
            hint="The files are of different models, or some are missing: ostler verify, or look"
            " at the repository.",
            described=described,
            counted=counted,
        )
