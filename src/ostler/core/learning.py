"""Which measurements help an estimate: the model's own first, else its family's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ostler.nouns import Measurement, Term


def helpful(
    measured: Sequence[Measurement],
    model: str,
    variant: str,
    family: str | None,
    version: str | None = None,
) -> tuple[Measurement, ...]:
    """Return what is worth knowing for the next estimate, newest first, nothing twice.

    What was measured of this model and variant counts alone; else what was measured of the
    family. `version` is the engine's: what another version took does not count. None: any does.
    A part on several devices is one measurement; the machine's own memory does not count where
    another device holds some of it.
    """
    same = [one for one in measured if version is None or one.version in (version, "")]
    own = [one for one in same if one.model == model and one.variant in (variant, "")]
    kin = [one for one in same if family is not None and one.family == family]
    return tuple(together(newest(own or kin)))


def newest(measured: Iterable[Measurement]) -> list[Measurement]:
    """Return the newest measurement of each part under each load, newest first."""
    found: dict[tuple[object, ...], Measurement] = {}
    for one in sorted(measured, key=lambda one: one.at, reverse=True):
        found.setdefault(_load(one), one)
    return list(found.values())


def together(measured: Iterable[Measurement]) -> list[Measurement]:
    """Add up what one start put on several devices."""
    starts: dict[tuple[object, ...], list[Measurement]] = {}
    for one in measured:
        starts.setdefault((*_load(replace(one, device="")), one.at), []).append(one)
    sums = []
    for parts in starts.values():
        away = [one for one in parts if one.device.lower() != "cpu"] or parts
        sums.append(replace(away[0], bytes=sum(one.bytes for one in away)))
    return sums


def _load(one: Measurement) -> tuple[object, ...]:
    """What tells two measurements apart, beside when they were made."""
    return (
        *(one.model, one.variant, one.engine, one.version, one.component, one.device),
        *(one.context, one.sequences, one.kv_dtype, one.tensor_parallel, one.flags),
    )


TERMS = {
    "weights": "weights",
    "KV cache": "kv",
    "compute buffer": "compute_buffer",
    "output buffer": "output_buffer",
    "activations": "activation",
}


def compared(
    terms: Iterable[Term], measured: Iterable[Measurement]
) -> tuple[tuple[str, int, int], ...]:
    """Return (part, bytes estimated, bytes measured) for each part that both know."""
    sums: dict[str, int] = {}
    for one in measured:
        sums[one.component] = sums.get(one.component, 0) + one.bytes
    pairs = [(term.name, term.bytes, sums.get(TERMS.get(term.name, ""))) for term in terms]
    rows = [(name, said, took) for name, said, took in pairs if took is not None]
    total = sums.get("total")
    if total is not None:
        rows.append(("total", sum(said for _, said, _ in pairs), total))
    return tuple(rows)
