"""How far a device reaches: the longest context, the most sequences, what would make it fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from ostler.core.weights import packed, scheme
from ostler.errors import ImpossibleSplit, QuantizationNotFound, UsageError
from ostler.nouns import Estimate, Format, ModelFacts, Workload

MOST_TOKENS = 2**24  # no context is longer
MOST_SEQUENCES = 2**16
LEAST_CONTEXT = 2048  # a context below this is no help to anybody
SMALLER_CACHES = {  # and what each costs
    "q8_0": "next to no quality",
    "fp8": "next to no quality",
    "q4_0": "some quality in long conversations",
}
SMALLER_FILES = ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "q2_k")
SMALLER_WEIGHTS = ("fp8", "int8", "int4")
MORE_GPUS = (2, 4, 8, 16)
Ask = Callable[[ModelFacts, Workload], Estimate]


@dataclass(frozen=True, slots=True)
class Reach:
    """What fits in some room: tokens per sequence, and sequences of the context asked for."""

    context: int | None  # None: not even one token
    sequences: int
    at_models_end: bool = False  # the model takes no longer context


@dataclass(frozen=True, slots=True)
class Change:
    """One thing done differently, what it costs, and what is then needed."""

    what: str
    cost: str
    required: int


def reach(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Reach:
    """Return the longest context and the most sequences whose estimate is within `room` bytes."""
    limit = facts.context_length or MOST_TOKENS

    def with_context(tokens: int) -> bool:
        return ask(facts, replace(workload, context=tokens)).required <= room

    def with_sequences(many: int) -> bool:
        return ask(facts, replace(workload, sequences=many)).required <= room

    context = _most(with_context, min(limit, MOST_TOKENS))
    many = _most(with_sequences, MOST_SEQUENCES)
    return Reach(context or None, many, at_models_end=context == facts.context_length)


def _most(fits: Callable[[int], bool], limit: int) -> int:
    """Return the largest number up to `limit` that fits, 0 for none: more never needs less."""
    if not fits(1):
        return 0
    if fits(limit):
        return limit
    low, high = 1, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def changes(
    facts: ModelFacts, workload: Workload, ask: Ask, room: int, lacks: Collection[str] = ()
) -> tuple[Change, ...]:
    """Return what would make the model fit in `room` bytes per GPU, the cheapest first.

    `lacks` are the types that the device cannot compute in, such as fp8.

    What costs no quality and no money comes first: a smaller type for the cache, fewer sequences,
    a shorter context; then smaller weights, the least smaller first; then more GPUs.
    """
    return tuple(
        change
        for offer in (_caches, _fewer, _shorter, _smaller, _more_gpus)
        for change in offer(facts, workload, ask, room)
        if change.required <= room and not lacks_any(change, lacks)
    )


def lacks_any(change: Change, lacks: Collection[str]) -> bool:
    """Say whether a change asks for a type that the device lacks."""
    return any(word in lacks for word in change.what.split())


def _caches(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Iterator[Change]:
    for name, cost in SMALLER_CACHES.items():
        try:
            found = ask(facts, replace(workload, kv_dtype=name))
        except UsageError:
            continue  # the engine has no such type
        yield Change(f"--kv-dtype {name}", cost, found.required)


def _fewer(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Iterator[Change]:
    best = reach(facts, workload, ask, room).sequences
    if 0 < best < workload.sequences:
        found = ask(facts, replace(workload, sequences=best))
        yield Change(f"--sequences {best}", "fewer requests at once", found.required)


def _shorter(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Iterator[Change]:
    longest, now = reach(facts, workload, ask, room).context, ask(facts, workload).context
    if longest is not None and LEAST_CONTEXT <= longest < now:
        found = ask(facts, replace(workload, context=longest))
        yield Change(f"--context {longest}", "shorter conversations", found.required)


def _smaller(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Iterator[Change]:
    names = SMALLER_FILES if facts.format is Format.GGUF else SMALLER_WEIGHTS
    for name in names:
        try:
            smaller = quantized(facts, name)
        except QuantizationNotFound:
            return
        if smaller.weight_bytes < facts.weight_bytes:
            found = ask(smaller, workload)
            yield Change(f"weights in {name}", "some quality", found.required)


def _more_gpus(facts: ModelFacts, workload: Workload, ask: Ask, room: int) -> Iterator[Change]:
    for many in MORE_GPUS:
        if many <= workload.tensor_parallel:
            continue
        try:
            found = ask(facts, replace(workload, tensor_parallel=many))
        except ImpossibleSplit:
            continue
        yield Change(f"--tp {many}", f"{many} GPUs", found.required)


def quantized(facts: ModelFacts, name: str) -> ModelFacts:
    """Return the same model with its weights in another quantization.

    Raises QuantizationNotFound where no such quantization is known, or the shapes are not.
    """
    wanted = scheme(name, facts.format is Format.GGUF)
    parts = packed(facts, wanted) if wanted is not None else ()
    if not parts:
        why = "is not known here" if wanted is None else "needs shapes that the files do not tell"
        raise QuantizationNotFound(
            f"What the weights would take in {name!r} {why}.",
            hint="Known are, among others: q8_0, q4_k_m, fp8, int8, int4, awq, gptq-int8, nvfp4.",
            quantization=name,
        )
    size = sum(part.bytes for part in parts)
    return replace(facts, parts=parts, weight_bytes=size, quantization=name)
