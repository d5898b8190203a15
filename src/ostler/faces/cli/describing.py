"""One model of the catalogue, in full."""

from __future__ import annotations

from ostler import data
from ostler.core.needing import billions, by_rule_of_thumb, held_by, need
from ostler.core.offers import Match, Wanted, closest
from ostler.core.sizes import file_size
from ostler.errors import UsageError
from ostler.faces.cli import money, offering, show
from ostler.faces.cli.offering import Known
from ostler.nouns import Estimate, Workload
from ostler.settings import Settings
from ostler.verbs import catalogue


def describe(
    settings: Settings, name: str, method: str, context: int | None, as_json: bool
) -> None:
    """Show a model of the catalogue."""
    known = offering.of_entry(settings, catalogue.shelf(settings.home).find(name))
    workload = Workload(context)
    needed = need(known.entry, known.facts, workload, method)
    by_rule = method == "soong" or by_rule_of_thumb(known.entry, known.facts)
    offers = offering.offers(settings, Wanted())
    best = closest(held_by(offers, known.entry, known.facts, workload, method))
    match = best if best and best.fits else None
    try:
        estimate, unknown = needed(1), ""
    except UsageError as error:
        estimate, unknown = None, error.what
    different = catalogue.differences(known.entry, known.facts, known.licence)
    if as_json:
        show.as_json(
            {
                **show.plain(known.entry),
                "kept": bool(known.here),
                "facts": known.facts,
                "estimate": estimate,
                "total_bytes": estimate.total if estimate else None,
                "required_bytes": estimate.required if estimate else None,
                "unknown": unknown,
                "offer": offering.entry(match) if match else None,
                "embedding_dimensions": (
                    known.facts.hidden if "embed" in known.entry.tasks else None
                ),
                "differences": different,
            }
        )
        return
    _show(known, estimate, unknown, by_rule)
    _gpu(match, best)
    _advice(known)
    for one in different:
        show.line(f"{one.code}: {one.what} The files win.")


def _show(known: Known, estimate: Estimate | None, unknown: str, by_rule: bool) -> None:
    entry, facts = known.entry, known.facts
    typed = f"{entry.billions:g} B" if entry.billions else "unknown"
    show.heading(entry.id)
    rows = [
        ("repository", entry.repo),
        ("formerly", ", ".join(entry.renamed_from)),
        ("for", ", ".join(entry.tasks) or "unknown"),
        ("parameters", billions(facts.parameters) if facts.parameters else typed),
        ("weights", f"{facts.quantization or facts.dtype or 'unknown type'}, {_size(known)}"),
        ("context", f"{facts.context_length or entry.context or 'unknown'} tokens"),
        ("dimensions", str(facts.hidden) if "embed" in entry.tasks else ""),
        ("licence", _licence(entry.licence)),
        ("made from", ", ".join(entry.base)),
        ("here", known.here or f"no; `ostler pull {entry.repo}` fetches it"),
    ]
    show.pairs([(name, value) for name, value in rows if value])
    if estimate is None:
        show.line(f"Memory: unknown. {unknown}.")
        return
    rule = ", by soong's rule of thumb" if by_rule else f", with {estimate.engine}"
    show.line(f"Memory for {estimate.context:,} tokens of context{rule}:")
    show.table(("TERM", "MEMORY", "BECAUSE"), offering.term_rows(estimate, by_rule), right=(1,))


def _size(known: Known) -> str:
    return file_size(known.facts.weight_bytes or None)


def _licence(tag: str | None) -> str:
    from ostler.core import licences

    return "unknown" if tag is None else licences.sentence(data.licences(), tag)


def _gpu(match: Match | None, best: Match | None) -> None:
    if match:
        age = match.offer.age(money.today())
        price = money.hourly(match.offer.price)
        show.line(f"Recommended GPU: {money.what(match.offer)}, {price} ({age}).")
    elif best:
        show.line(f"No GPU on offer holds it; {money.what(best.offer)} comes closest.")


def _advice(known: Known) -> None:
    for title, texts in (
        ("Good for", known.entry.good_for),
        ("Not good for", known.entry.not_good_for),
    ):
        if texts:
            show.line(f"{title}: {'; '.join(texts)}.")
    if known.entry.notes:
        show.line(known.entry.notes)
    if known.entry.editions:
        show.table(
            ("ON", "TAKE", ""),
            [(one.platform, one.repo, one.variant) for one in known.entry.editions],
        )
    if known.entry.source:
        show.line(f"Source of what is typed: {known.entry.source}.")
