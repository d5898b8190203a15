"""Whether models that are to be loaded together have room on the GPUs they are to have."""

from __future__ import annotations

from collections.abc import Mapping

from ostler.core.sizes import file_size


def crowded(needs: Mapping[str, int], gpus: int, memory: int) -> str:
    """Return a warning where the models need more than all GPUs have; else an empty text.

    `needs` are bytes by model, in the order in which they are loaded; `memory` is one GPU's.
    """
    total, there = sum(needs.values()), gpus * memory
    if total <= there:
        return ""
    fitting = 0
    for size in needs.values():
        there -= size
        if there < 0:
            break
        fitting += 1
    many = f"{len(needs)} models" if len(needs) > 1 else next(iter(needs))
    has = f"{gpus} GPU{'s' * (gpus > 1)} of {file_size(memory)}"
    keep = (
        f"the first {fitting} fit" if fitting > 1 else "the first fits" if fitting else "none fits"
    )
    return (
        f"{many} need {file_size(total)}, and {has} hold {file_size(gpus * memory)}: be "
        f"conservative; {keep}, the others load when they are asked for."
    )
