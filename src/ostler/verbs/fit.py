"""Does a model fit on this machine: what it needs, and every device's answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ostler.core.memory import MARGIN_PERCENT, estimate
from ostler.core.placing import place
from ostler.nouns import Estimate, Hardware, Measurement, ModelFacts, Placement, Workload


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
