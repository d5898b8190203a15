"""The rows of `ostler models`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ostler import wiring
from ostler.core.catalogue import Entry, select
from ostler.core.needing import billions, by_rule_of_thumb, held_by, need
from ostler.core.offers import Match, Wanted, closest
from ostler.core.sizes import counted
from ostler.errors import UsageError
from ostler.faces.cli import money, offering, show
from ostler.nouns import Attempt, Estimate, Manifest, ModelFacts, Workload
from ostler.settings import Settings
from ostler.verbs import catalogue


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the list."""

    entry: Entry
    facts: ModelFacts
    estimate: Estimate | None
    unknown: str  # why there is no estimate
    match: Match | None  # the cheapest offer that holds it
    kept: Manifest | None
    by_rule: bool
    attempts: tuple[Attempt, ...] = ()  # to download it, oldest first


def rows(
    settings: Settings, task: str | None, own: bool, method: str, context: int | None
) -> list[Row]:
    """Return the models of the catalogue with what they need and the GPU to rent."""
    found = select(catalogue.shelf(settings.home).entries, task)
    offers = offering.offers(settings, Wanted())
    manifests = wiring.store(settings).manifests()
    workload = Workload(context)
    return [
        _row(entry, offers, manifests, workload, method)
        for entry in found
        if not own or entry.origin != "shipped"
    ]


def _row(
    entry: Entry, offers: list[Any], manifests: list[Manifest], workload: Workload, method: str
) -> Row:
    facts = catalogue.facts(entry)
    needed = need(entry, facts, workload, method)
    by_rule = method == "soong" or by_rule_of_thumb(entry, facts)
    kept = catalogue.kept(entry, manifests)
    try:
        estimate = needed(1)
    except UsageError as error:
        return Row(entry, facts, None, error.what, None, kept, by_rule)
    best = closest(held_by(offers, entry, facts, workload, method))
    match = best if best and best.fits else None
    return Row(entry, facts, estimate, "", match, kept, by_rule)


def order(by: str) -> Callable[[Row], Any]:
    """Return how rows are sorted; what is not known comes last."""
    infinite = float("inf")

    def memory(row: Row) -> tuple[float, str]:
        return (row.estimate.total if row.estimate else infinite, row.entry.id)

    def price(row: Row) -> tuple[float, float, str]:
        known = row.match.offer.price if row.match else None
        return (infinite if known is None else known, *memory(row))

    return {"memory": memory, "price": price, "name": lambda row: row.entry.id}[by]


def table(shown: list[Row], method: str) -> None:
    """Print the list and how many are the user's own."""
    show.table(
        ("ID", "PARAMS", "QUANT", "CONTEXT", "MEMORY", "GPU", "PRICE", "LICENCE", "HERE"),
        [
            (
                row.entry.id + "*" * (row.entry.origin != "shipped"),
                _params(row),
                row.facts.quantization or (row.facts.dtype or "unknown").lower(),
                f"{row.facts.context_length or row.entry.context or 'unknown'}",
                offering.size(row.estimate.total, row.by_rule) if row.estimate else "unknown",
                f"{row.match.offer.count}x {row.match.offer.gpu.name}"
                if row.match
                else "none fits",
                money.hourly(row.match.offer.price) if row.match else "",
                row.entry.licence or "unknown",
                "kept" if row.kept else "",
            )
            for row in shown
        ],
        right=(1, 3, 4, 6),
        spare=("CONTEXT", "LICENCE", "PARAMS", "QUANT"),
    )
    own = sum(row.entry.origin != "shipped" for row in shown)
    rule = ", by soong's rule of thumb" if method == "soong" else ""
    show.line(
        f"{counted(len(shown), 'model')}{rule}, {own} of your own (*). "
        "`ostler models info ID`: all of it."
    )


def _params(row: Row) -> str:
    if row.facts.parameters:
        return billions(row.facts.parameters)
    return f"{row.entry.billions:g} B" if row.entry.billions else "unknown"


def entry(row: Row) -> dict[str, object]:
    """Return a row for JSON."""
    return {
        **show.plain(row.entry),
        "model_id": row.entry.id,
        "model_name": row.entry.repo,
        "model_type": "embedding" if "embed" in row.entry.tasks else "transformer",
        "status": _status(row),
        "download_attempts": len(row.attempts),
        "prev_download_error": row.attempts[-1].what or None if row.attempts else None,
        "prev_download_ts": row.attempts[-1].at if row.attempts else None,
        "pulled_at": row.kept.pulled_at if row.kept else None,
        "commit": row.kept.commit if row.kept else None,
        "parameters": row.facts.parameters,
        "dtype": row.facts.dtype,
        "context_length": row.facts.context_length or row.entry.context,
        "embedding_dimensions": row.facts.hidden if "embed" in row.entry.tasks else None,
        "weight_bytes": row.facts.weight_bytes or None,
        "total_bytes": row.estimate.total if row.estimate else None,
        "unknown": row.unknown,
        "offer": offering.entry(row.match) if row.match else None,
    }


def _status(row: Row) -> str:
    """Return a model's state in the words of Lamini's list."""
    if row.kept:
        return "available"
    return "failed" if row.attempts and row.attempts[-1].outcome == "failed" else "not kept"


def with_attempts(settings: Settings, shown: list[Row]) -> list[Row]:
    """Return the rows with what the records say of downloads."""
    if not wiring.has_records(settings):
        return shown
    tries = wiring.records(settings).attempts
    return [
        replace(row, attempts=tuple(one for name in names for one in tries.of(name)))
        for row in shown
        for names in [(row.entry.repo, *row.entry.renamed_from)]
    ]


def faults(settings: Settings) -> None:
    """Say which of the user's files were left out."""
    for text in catalogue.shelf(settings.home).faults:
        show.note(f"Warning: {text}")
