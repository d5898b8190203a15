"""The simple formula of soong-cli: P x b + min(4, context / 2048) + 2 + 0.1 x P x b, in GB (10^9).

It looks at nothing but parameters, bits and context: good for a model whose files are out of
reach. b is 4 bytes for fp32, 2 for fp16, 1 for int8, 0.5 for int4.
"""

from __future__ import annotations

from ostler.errors import UsageError
from ostler.nouns import ModelFacts, Term

GB = 10**9
HALF_BYTES = {"fp32": 8, "fp16": 4, "int8": 2, "int4": 1}  # per parameter


def terms(facts: ModelFacts, context: int) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Return the formula's terms for a model of known size. Raises UsageError without one."""
    if not facts.parameters:
        raise UsageError(
            "The simple formula needs the number of parameters, and it is not known.",
            hint="Use the default method.",
        )
    width = _width(facts.weight_bytes * 8 / facts.parameters)
    note = f"method: soong, with the files' bits per parameter taken as {width}."
    return simple_terms(facts.parameters, width, context), (note,)


def simple_terms(parameters: int, width: str, context: int) -> tuple[Term, ...]:
    """Return the four terms for so many parameters of "fp32", "fp16", "int8" or "int4"."""
    base = parameters * HALF_BYTES[width] // 2
    return (
        Term(
            "weights",
            base,
            f"{parameters:,} parameters x {HALF_BYTES[width] / 2:g} bytes ({width})",
        ),
        Term(
            "KV cache", min(4 * GB, context * GB // 2048), f"{context:,} / 2,048 GB, at most 4 GB"
        ),
        Term("runtime", 2 * GB, "2 GB in every case"),
        Term("activations", base // 10, "10 % of the weights"),
    )


def _width(bits: float) -> str:
    """Return the formula's nearest width that holds so many bits; scales take up to one more."""
    steps = (("int4", 5.5), ("int8", 9), ("fp16", 17))
    return next((width for width, most in steps if bits <= most), "fp32")
