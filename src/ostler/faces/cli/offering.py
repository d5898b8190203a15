"""What `models`, `recommend` and `compare` share: the models, the offers, and how a match reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import click

from ostler import data, wiring
from ostler.core import offers as offering
from ostler.core.catalogue import Entry
from ostler.core.gpus import find
from ostler.core.offers import Match, Wanted
from ostler.core.prices import Offer
from ostler.core.recommending import Candidate, Pick
from ostler.core.sizes import memory
from ostler.errors import UnknownModel
from ostler.faces.cli import money, options, server, show, terms
from ostler.faces.cli.facts import look_up
from ostler.nouns import Estimate, Manifest, ModelFacts
from ostler.settings import Settings
from ostler.store.store import servable
from ostler.verbs import catalogue, pricing
from ostler.verbs.inspect import kept_facts

GB = 10**9

provider = click.option(
    "--provider", "providers", multiple=True, metavar="NAME", help="Only these."
)
region = click.option("--region", "regions", multiple=True, metavar="NAME", help="Only these.")
arch = click.option(
    "--arch", type=click.Choice(["x86_64", "arm64"]), help="The processor that your images are for."
)
spot = click.option("--spot", is_flag=True, help="Spot prices too.")
suspect = click.option("--suspect", is_flag=True, help="Prices too that their own list doubts.")
most_gpus = click.option(
    "--most-gpus", type=options.GPUS, default=8, show_default=True, metavar="N",
    help="At most so many GPUs, by tensor parallelism.",
)  # fmt: skip
method = click.option(
    "--method", type=click.Choice(["architecture", "soong"]), default="architecture",
    show_default=True, help="Add up what the files say, or soong's rule of thumb.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A model and what is known of it."""

    entry: Entry
    facts: ModelFacts
    here: str = ""
    licence: str | None = None


def offers(settings: Settings, wanted: Wanted) -> list[Offer]:
    """Return the offers that a user would take."""
    return offering.considered(pricing.offers(settings.home), wanted)


def wanted(
    providers: tuple[str, ...], regions: tuple[str, ...], arch: str | None, spot: bool,
    suspect: bool, most_gpus: int, gpu: str | None = None,
) -> Wanted:  # fmt: skip
    """Return what a user says of offers. Raises UnknownGpu."""
    names = (find(gpu, data.gpus()).name,) if gpu else ()
    return Wanted(
        providers, regions, names, arch=arch or "", spot=spot, doubtful=suspect, most_gpus=most_gpus
    )


def known(settings: Settings, name: str, endpoint: str | None, offline: bool) -> Known:
    """Return a model of the catalogue, or kept here, or on the hub, with its facts.

    Raises UnknownModel, and what the hub refuses with.
    """
    shelf = catalogue.shelf(settings.home)
    try:
        entry = shelf.find(name)
    except UnknownModel:
        if "/" not in name:
            raise
        found = look_up(settings, name, endpoint, offline)
        entry = Entry(found.id, found.origin.name, origin="hub", licence=found.origin.licence)
        return Known(entry, found.facts, "kept" * found.kept, found.origin.licence)
    return of_entry(settings, entry)


def of_entry(settings: Settings, entry: Entry) -> Known:
    """Return what is known of an entry: from its files where it is kept here."""
    kept = catalogue.kept(entry, wiring.store(settings).manifests())
    if kept is None or not servable(kept):
        return Known(entry, catalogue.facts(entry))
    facts = kept_facts(wiring.store(settings), kept, servable(kept)[0])
    return Known(entry, facts, "kept", kept.licence)


def candidates(settings: Settings) -> list[Candidate]:
    """Return every model of the catalogue, with what is kept here and what the policy blocks."""
    known, loaded = terms.registrar(settings), _loaded(settings)
    return [
        Candidate(
            entry,
            catalogue.facts(entry),
            _here(catalogue.kept(entry, known.manifests), loaded),
            known.blocked(entry),
        )
        for entry in known.entries
    ]


def _loaded(settings: Settings) -> frozenset[str]:
    """Return the repositories of the models that the server of this home has loaded."""
    found = server.running(settings)
    models = server.ask(found, "GET", "/api/models") if found else []
    ready = (one["id"] for one in models if one["state"] == "ready")
    return frozenset(re.split("[#@]", id)[0] for id in ready)


def _here(kept: Manifest | None, loaded: frozenset[str]) -> str:
    if kept is None:
        return ""
    return "loaded" if kept.name in loaded else "kept"


def size(count: int, by_rule: bool) -> str:
    """Write bytes of memory; the seeds' rule counts in GB of 10^9."""
    return f"{count / GB:.1f} GB" if by_rule else memory(count)


def term_rows(estimate: Estimate, by_rule: bool) -> list[tuple[str, str, str]]:
    """Return an estimate's terms with total and margin, as rows."""
    return [
        *[(term.name, size(term.bytes, by_rule), term.because) for term in estimate.terms],
        ("total", size(estimate.total, by_rule), ""),
        (estimate.margin.name, size(estimate.margin.bytes, by_rule), estimate.margin.because),
        ("required", size(estimate.required, by_rule), "total and margin"),
    ]


def table(found: list[Match], hours: float | None = None) -> None:
    """Print matches, the cheapest first."""
    today = money.today()
    for_hours = () if hours is None else (f"{hours:g} H",)
    show.table(
        ("PRICE", *for_hours, "GPUS", "PROVIDER", "INSTANCE", "REGION", "PRICE READ", "BECAUSE"),
        [
            (
                money.hourly(one.offer.price),
                *(() if hours is None else (money.total(one.cost(hours)),)),
                f"{one.offer.count}x {one.offer.gpu.name}" + " (arm64)" * bool(one.offer.gpu.host),
                one.offer.provider + " spot" * one.offer.spot,
                one.offer.instance,
                one.offer.region,
                one.offer.age(today),
                one.because,
            )
            for one in found
        ],
        right=(0,) if hours is None else (0, 1),
        spare=("REGION", "INSTANCE", "PRICE READ"),
    )


def picks(found: Sequence[Pick], hours: float | None) -> None:
    """Print models on offers, the best first."""
    today = money.today()
    for_hours = () if hours is None else (f"{hours:g} H",)
    show.table(
        ("MODEL", "PRICE", *for_hours, "GPUS", "PROVIDER", "PRICE READ", "LICENCE", "HERE"),
        [
            (
                one.candidate.entry.id,
                money.hourly(one.match.offer.price),
                *(() if hours is None else (money.total(one.match.cost(hours)),)),
                f"{one.match.offer.count}x {one.match.offer.gpu.name}",
                one.match.offer.provider,
                one.match.offer.age(today),
                one.candidate.entry.licence or "unknown",
                one.candidate.here,
            )
            for one in found
        ],
        right=(1,) if hours is None else (1, 2),
        spare=("PRICE READ", "LICENCE", "PROVIDER"),
    )


def stale(offers: Sequence[Offer]) -> None:
    """Say where a price is too old to count on, and what to do about it."""
    old = sum(offer.stale(money.today()) for offer in offers)
    be = "is" if old == 1 else "are"
    if old:
        show.line(
            f"{old} of these prices {be} older than 60 days or undated; `ostler prices update`"
            " reads newer ones."
        )


def entry(match: Match, hours: float | None = None) -> dict[str, object]:
    """Return a match for JSON."""
    needed = match.estimate
    return {
        **money.entry(match.offer, money.today()),
        "fits": match.fits,
        "because": match.because,
        "required_bytes_per_gpu": needed.required if needed else None,
        "total_bytes_per_gpu": needed.total if needed else None,
        "margin_bytes_per_gpu": needed.margin.bytes if needed else None,
        "room_bytes_per_gpu": match.room,
        "hours": hours,
        "cost_usd": None if hours is None else match.cost(hours),
    }
