"""What each way of making weights smaller would make of a kept model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ostler.core import quantizing
from ostler.core.memory import estimate
from ostler.core.naming import Named
from ostler.core.quantizing import Method
from ostler.core.weights.schemes import packed, scheme
from ostler.nouns import Format, ModelFacts, TensorTable, WeightPart, Workload
from ostler.store import Store
from ostler.verbs.inspect import kept_facts, kept_tables


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method would make of a model. Bytes; None where its shapes do not tell."""

    method: Method
    size: int | None
    memory: int | None  # to serve it to one caller at its usual context, margin included
    engine: str  # that would


def outcomes(named: Named, store: Store) -> tuple[Outcome, ...]:
    """Return what each method would make of a kept model, as estimates."""
    facts = kept_facts(store, named.manifest, named.variant)
    tables = kept_tables(store, named.manifest, named.variant)
    return tuple(_outcome(facts, tables, one) for one in quantizing.methods())


def _outcome(facts: ModelFacts, tables: Sequence[TensorTable], method: Method) -> Outcome:
    engine = "llamacpp" if method.format is Format.GGUF else "vllm"
    wanted = scheme(method.name, gguf=method.format is Format.GGUF)
    parts = packed(facts, wanted) if wanted else ()
    if not parts:
        return Outcome(method, None, None, engine)
    size = size_after(facts, tables, method)[0] if engine == "llamacpp" else _sum(parts)
    after = replace(facts, parts=parts, weight_bytes=size, quantization=method.name)
    kind = "f16" if engine == "llamacpp" else "auto"
    needed = estimate(after, Workload(kv_dtype=kind), engine)
    return Outcome(method, size, needed.required, engine)


def size_after(
    facts: ModelFacts, tables: Sequence[TensorTable], method: Method
) -> tuple[int, bool]:
    """Return the bytes of the result's weights, and whether that is known and no estimate."""
    if facts.format is Format.GGUF:
        return quantizing.size_after(tables, quantizing.types(tables, facts, method.name)), True
    wanted = scheme(method.name, gguf=method.format is Format.GGUF)
    return _sum(packed(facts, wanted) if wanted else ()) or facts.weight_bytes, False


def _sum(parts: Sequence[WeightPart]) -> int:
    return sum(part.bytes for part in parts)
