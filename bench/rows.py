"""What a benchmark reports, and how sides are alternated and summed up."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: its value, what it is held against, and whether the target is met."""

    measure: str
    value: float
    unit: str
    against: float | None = None
    ratio: float | None = None
    target: str = ""
    ok: bool | None = None


def alternate(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Call every side once per round, in turn, and return each side's samples.

    Neighbours disturb both sides alike this way; the first round warms caches and is dropped.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            value = side()
            if number:
                samples[name].append(value)
    return samples


T = TypeVar("T")


def alternate_costs(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Like `alternate`, for sides whose sample is more than one number, and that go on for long.

    Every second round goes backwards: a disk that one side has tired slows whichever comes next,
    and so none has the same one before it each time.
    """
    samples: dict[str, list[T]] = {name: [] for name in sides}
    order = [*sides]
    for _ in range(rounds):
        for name in order:
            samples[name].append(sides[name]())
        order.reverse()
    return samples


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def ratio_row(
    measure: str, ours: list[float], theirs: list[float], unit: str, at_most: float
) -> Row:
    """A row for 'ours is at most so many times theirs', by medians of one run."""
    value, against = median(ours), median(theirs)
    ratio = value / against
    return Row(
        measure, round(value, 4), unit, round(against, 4), round(ratio, 2), f"ratio <= {at_most:g}",
        ratio <= at_most,
    )  # fmt: skip


def machine() -> dict[str, Any]:
    """The machine the figures come from, and how busy it was."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def as_document(name: str, rows: list[Row]) -> dict[str, Any]:
    """The one JSON object that every benchmark ends with."""
    return {"name": name, "rows": [asdict(row) for row in rows], "machine": machine()}
