"""Rows of measured memory -> constants, each with the rows it comes from. Medians, so that one
strange row moves nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.measured import Measured, predicted

from ostler.core.memory.calibrated import CONSTANTS, Constant

SEQUENCES = 256  # max_num_seqs, where a row does not say it
NOTHING = "no rows"


def fit(rows: Sequence[Measured]) -> dict[str, Constant]:
    """Return the constants that these rows give; 0 where none speaks of one."""
    found = {name: Constant(0.0, NOTHING) for name in CONSTANTS}
    for name, measure in STEPS.items():
        with standing(found):
            values = [(value, one) for one in rows if (value := measure(one)) is not None]
        if values:
            names = ", ".join(sorted({one.row["source"].split(" ")[0] for _, one in values}))
            middle = max(statistics.median(value for value, _ in values), 0.0)
            found[name] = Constant(round(middle, 4), f"median of {len(values)} rows: {names}")
    return found


@contextmanager
def standing(constants: dict[str, Constant]) -> Iterator[None]:
    """Let estimates use these constants for a while."""
    before = dict(CONSTANTS)
    CONSTANTS.update(constants)
    try:
        yield
    finally:
        CONSTANTS.update(before)


def _missing(one: Measured) -> float | None:
    """Return what the estimate of a total under transformers on one GPU lacks."""
    if one.engine != "transformers" or one.component != "total" or one.flags.get("gpus") != "1":
        return None
    size, _ = predicted(one)
    return None if size is None else one.bytes - size


def _base(one: Measured) -> float | None:
    quant = one.row["quant"]
    if "int4" in quant:  # their kernels and their loading take more, which is another constant
        return None
    return _missing(one)


def _gptq4_bits(one: Measured) -> float | None:
    missing, facts = _missing(one), one.facts
    if missing is None or facts is None or one.row["quant"] != "gptq-int4":
        return None
    packed = sum(part.bytes for part in facts.parts if part.role in PACKED_ROLES)
    return missing * BITS_OF_GPTQ4 / packed if packed else None


PACKED_ROLES = ("attention", "keys and values", "feed forward")
BITS_OF_GPTQ4 = 4 + 20 / 128


def _sampler(one: Measured) -> float | None:
    """Return how many times the logits of all sequences the peak of V0 is, for a text model."""
    facts = one.facts
    if one.engine != "vllm-v0" or one.component != "activation" or facts is None:
        return None
    if not facts.vocabulary or any(part.role == "vision" for part in facts.parts):
        return None
    sequences = int(one.flags.get("max_num_seqs") or SEQUENCES)
    return one.bytes / (sequences * facts.vocabulary * 4)


def _non_torch(one: Measured) -> float | None:
    return one.bytes if one.component == "non_torch" and one.engine == "vllm-v0" else None


STEPS: dict[str, Callable[[Measured], float | None]] = {
    "transformers.base": _base,
    "transformers.gptq4_bits": _gptq4_bits,
    "vllm.v0.sampler": _sampler,
    "vllm.v0.non_torch": _non_torch,
}
