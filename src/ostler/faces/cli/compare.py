"""`ostler compare`: models side by side: memory, GPU, cost, and what the cheaper one saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from ostler.core.needing import billions, by_rule_of_thumb, held_by
from ostler.core.offers import Match, closest, saving
from ostler.errors import NoGpuFits, UsageError
from ostler.faces.cli import money, offering, options, show
from ostler.faces.cli.offering import Known
from ostler.nouns import Workload
from ostler.settings import Settings

TITLES = ("Scenario", "Model", "Params", "Weights", "Memory", "GPU", "$/h")


@dataclass(frozen=True, slots=True)
class Side:
    """One model of a comparison."""

    known: Known
    match: Match | None  # the cheapest offer that holds it
    because: str  # why none does
    by_rule: bool


@click.command("compare")
@click.argument("models", nargs=-1, required=True)
@options.context
@options.sequences
@click.option("--hours", type=options.Number(0), default=1, show_default=True, metavar="N")
@offering.provider
@offering.region
@offering.arch
@offering.spot
@offering.suspect
@offering.most_gpus
@offering.method
@click.option(
    "--format", "form", type=click.Choice(["table", "md", "csv", "json"]), default="table",
    show_default=True,
)  # fmt: skip
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def command(
    settings: Settings, models: tuple[str, ...], context: int | None, sequences: int, hours: float,
    providers: tuple[str, ...], regions: tuple[str, ...], arch: str | None, spot: bool,
    suspect: bool, most_gpus: int, method: str, form: str, endpoint: str | None, offline: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Hold models against each other: what each needs, the cheapest GPU for it, what it costs.

    Savings are computed from the prices shown. The exit code is 30 where one of the models fits
    on nothing.

    \b
    ostler compare qwen2.5-coder-32b qwen2.5-coder-32b-int4 --hours 4
    ostler compare llama-3.1-8b qwen3-8b --context 8192 --format md
    """
    if len(set(models)) < 2:
        raise UsageError("Give at least two models.", hint="`ostler models` lists those known.")
    wanted = offering.wanted(providers, regions, arch, spot, suspect, most_gpus)
    offers = offering.offers(settings, wanted)
    workload = Workload(context, sequences)
    sides = []
    for model in dict.fromkeys(models):
        known = offering.known(settings, model, endpoint, offline)
        by_rule = method == "soong" or by_rule_of_thumb(known.entry, known.facts)
        found = held_by(offers, known.entry, known.facts, workload, method)
        sides.append(_side(known, found, by_rule))
    _print(sides, hours, "json" if as_json else form)
    if not all(side.match for side in sides):
        raise SystemExit(NoGpuFits.exit_code)


def _side(known: Known, found: Sequence[Match], by_rule: bool) -> Side:
    best = closest(found)
    if best and best.fits:
        return Side(known, best, "", by_rule)
    because = best.because if best else "no offer was left to look at"
    return Side(known, None, f"{money.what(best.offer)}: {because}" if best else because, by_rule)


def _print(sides: Sequence[Side], hours: float, form: str) -> None:
    titles = (*TITLES, f"{hours:g} h")
    rows = [_row(side, hours) for side in sides]
    if form == "json":
        show.as_json(_entries(sides, hours))
    elif form == "csv":
        show.as_csv(titles, rows)
    elif form == "md":
        for cells in (titles, ["---"] * len(titles), *rows):
            show.line(f"| {' | '.join(cells)} |")
        for text in _savings(sides):
            show.line(f"\n{text}")
    else:
        show.table(titles, rows, right=(2, 3, 4, 6, 7), spare=("Scenario", "Params", "Weights"))
        for text in _savings(sides):
            show.line(text)
        offering.stale([side.match.offer for side in sides if side.match])


def _row(side: Side, hours: float) -> tuple[str, ...]:
    entry, facts, match = side.known.entry, side.known.facts, side.match
    estimate = match.estimate if match else None
    return (
        entry.good_for[0] if entry.good_for else ", ".join(entry.tasks),
        entry.id,
        billions(facts.parameters) if facts.parameters else "unknown",
        facts.quantization or (facts.dtype or "unknown").lower(),
        offering.size(estimate.total, side.by_rule) if estimate else "unknown",
        money.what(match.offer) if match else f"none ({side.because})",
        money.hourly(match.offer.price).removesuffix("/h") if match else "",
        money.total(match.cost(hours)) if match else "",
    )


def _savings(sides: Sequence[Side]) -> list[str]:
    """Return what the cheapest saves against each of the others."""
    priced = [side for side in sides if side.match and side.match.offer.price is not None]
    if not priced:
        return []
    least = min(priced, key=_price)
    texts = []
    for side in priced:
        if found := saving(_price(side), _price(least)):
            texts.append(
                f"{least.known.entry.id} instead of {side.known.entry.id} saves"
                f" ${found[0]:.2f}/h ({found[1]:.0f} %)."
            )
    return texts


def _price(side: Side) -> float:
    assert side.match
    assert side.match.offer.price is not None
    return side.match.offer.price


def _entries(sides: Sequence[Side], hours: float) -> dict[str, object]:
    return {
        "hours": hours,
        "models": [
            {
                "model": side.known.entry.id,
                "repo": side.known.entry.repo,
                "parameters": side.known.facts.parameters,
                "fits": side.match is not None,
                "because": side.because or (side.match.because if side.match else ""),
                "offer": offering.entry(side.match, hours) if side.match else None,
            }
            for side in sides
        ],
        "savings": _savings(sides),
    }
