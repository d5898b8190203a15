"""Whether models that are to be loaded together have room on the GPUs they are to have."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from ostler.core.sizes import counted
from ostler.core.sizes import memory as written


def crowded(needs: Mapping[str, int], gpus: int, memory: int) -> str:
    """Return a warning where the models need more than all GPUs have; else an empty text.

    `needs` are bytes by model, in the order in which they are loaded; `memory` is one GPU's.
    """
    total, there = sum(needs.values()), gpus * memory
    if total <= there:
        return ""
    has = "has" if gpus == 1 else "have"
    room = f"{gpus} GPU{'s' * (gpus > 1)} of {written(memory)} {has} {written(there)}"
    if len(needs) == 1:
        return (
            f"{next(iter(needs))} needs {written(total)}, and {room}: be conservative, with "
            "fewer sequences, a smaller context or more GPUs."
        )
    fitting = sum(sofar <= there for sofar in accumulate(needs.values()))
    keep = {0: "none fits", 1: "the first fits"}.get(fitting, f"the first {fitting} fit")
    return (
        f"{counted(len(needs), 'model needs', 'models need')} {written(total)}, and {room}: "
        f"be conservative, load fewer; {keep}."
    )
