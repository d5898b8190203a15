"""What was measured, put in the place of what was computed.

Weights and a KV cache are exact for one model under one workload, so only a measurement of the
same model counts for them; what engines work with depends on their version and the family, so one
of the same family on the same engine counts, scaled to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ostler.nouns import Estimate, Measurement, ModelFacts, Term, Workload

# The component of a measurement -> the names that engines' terms have for it.
TERMS = {
    "weights": ("weights",),
    "activation": ("activation peak", "activations"),
    "compute_buffer": ("compute buffer",),
    "output_buffer": ("output buffer",),
    "graphs": ("CUDA graphs",),
    "non_torch": ("non-torch", "runtime"),
}
SAME_MODEL_ONLY = ("weights", "compute_buffer", "output_buffer", "total")


def corrected(
    found: Estimate,
    facts: ModelFacts,
    measured: Sequence[Measurement],
    model: str | None,
    load: Workload,
) -> Estimate:
    """Return the estimate with the terms that were measured, the newest of each, and say which."""
    notes = []
    terms = list(found.terms)
    for component, names in TERMS.items():
        best = _best(measured, component, found, facts, model, load)
        at = next((n for n, term in enumerate(terms) if term.name in names), None)
        if best is None or at is None:
            continue
        before = terms[at]
        whose = best.model if best.model == model else f"{best.model}, of the same family"
        because = f"measured on {whose} with {best.engine} {best.version} ({best.source})"
        terms[at] = Term(before.name, best.bytes, because)
        notes.append(
            f"measured: {before.name} is {best.bytes:,} bytes, {before.bytes:,} were computed."
        )
    beyond = _beyond(terms, _best(measured, "total", found, facts, model, load))
    return replace(found, terms=(*terms, *beyond), notes=(*found.notes, *notes))


def _beyond(terms: Sequence[Term], whole: Measurement | None) -> tuple[Term, ...]:
    """Return what the whole took beyond its parts; nothing where the parts are the safer sum."""
    over = whole.bytes - sum(term.bytes for term in terms) if whole else 0
    if whole is None or over <= 0:
        return ()
    because = f"{whole.bytes:,} bytes in all were measured with {whole.engine} {whole.version}"
    return (Term("beyond the parts", over, f"{because.rstrip()} ({whole.source})"),)


def _best(
    measured: Sequence[Measurement],
    component: str,
    found: Estimate,
    facts: ModelFacts,
    model: str | None,
    load: Workload,
) -> Measurement | None:
    """Return the measurement to believe: of the model itself before its family, then the newest."""
    fitting = [
        one
        for one in measured
        if one.component == component
        and one.engine == found.engine
        and (one.model == model or _of_family(one, component, facts))
        and _same_load(one, component, found, load)
    ]
    return max(fitting, key=lambda one: (one.model == model, one.at), default=None)


def _of_family(one: Measurement, component: str, facts: ModelFacts) -> bool:
    names = {name for name in (facts.family, facts.architecture) if name}
    return component not in SAME_MODEL_ONLY and one.family in names


def _same_load(one: Measurement, component: str, found: Estimate, load: Workload) -> bool:
    """Say whether it was measured under this workload, where the component depends on that."""
    if one.tensor_parallel != load.tensor_parallel:
        return False
    if component in ("weights", "non_torch"):
        return True
    asked = (found.context, found.sequences)
    same = (one.context, one.sequences) == asked and one.kv_dtype in (None, load.kv_dtype)
    return same and set(one.flags) == set(load.flags)
