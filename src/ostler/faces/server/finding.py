"""What can be fetched, as the control API tells: searches, plans of pulls, catalogue, guide.

Everything here may block: hubs are asked.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ostler import data, wiring
from ostler.core import guide, licences, quants
from ostler.core.refs import parse
from ostler.faces.api import store_schemas as s
from ostler.faces.server.storeroom import licence
from ostler.nouns import Found, Listing, PullPlan
from ostler.settings import Settings
from ostler.verbs import guiding, pull
from ostler.verbs.search import search


class Finding:
    """Looks models up, here and on the hub."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def search(self, words: str, limit: int, exact: bool) -> s.Hits:
        """Find models by words: those kept here first. A hub that is silent is said. BadRef."""
        found = search(
            words, wiring.source(self.settings), wiring.store(self.settings),
            limit=limit, exact=exact,
        )  # fmt: skip
        return s.Hits(
            words=words,
            results=[_hit(one) for one in found.results],
            hub=self.settings.endpoint,
            hub_error=found.hub_error,
            retry_after=found.retry_after,
        )

    def plan(self, name: str, options: pull.Options, token: str | None) -> s.PullPlanned:
        """Say what a pull would do. Raises what a pull raises before its first byte."""
        from ostler.faces.cli import permitted, terms
        from ostler.faces.cli.pull import limits

        ref = parse(name)
        permitted.source(self.settings, ref, None)
        source = wiring.source(self.settings, None, ref, token)
        store = wiring.store(self.settings)
        plan = permitted.plan(self.settings, pull.plan(ref, source, store, options))
        plan = terms.held(self.settings, plan, source, accepted=False, dry_run=True)
        room = pull.room(plan, store, limits(self.settings))
        return s.PullPlanned(
            name=plan.listing.name,
            commit=plan.listing.commit,
            variant=plan.variant,
            files=_files(plan),
            variants=variants(plan.listing),
            fetch_bytes=plan.fetch_bytes,
            total_bytes=plan.total_bytes,
            partial_bytes=max(0, plan.fetch_bytes - room.needed),
            free_bytes=room.free,
            reserve_bytes=room.reserve,
            because=room.because,
            claimed_bytes=room.claimed,
            budget_bytes=room.budget,
            used_bytes=room.used,
            fits=room.fits,
            terms=licence(terms.registrar(self.settings, source).ruling(plan.listing)),
            gated=plan.listing.gated,
            private=plan.listing.private,
            token=bool(token) or wiring.has_token(),
            notes=list(plan.notes),
        )

    def catalogue(self, task: str | None, context: int | None) -> list[s.CatalogueEntry]:
        """Return the models known by a short name, the smallest first. Raises UsageError."""
        from ostler.faces.cli import listing

        rows = listing.rows(self.settings, task, False, "architecture", context)
        rows.sort(key=listing.order("memory"))
        return [_entry(listing.entry(row)) for row in rows]

    def guide(self, use: str | None, platform: str | None, size: str | None) -> list[s.Advised]:
        """Return which repository to take of each model, the smallest first."""
        found = guide.select(guiding.advice(self.settings.home), use, platform, size)
        return [s.Advised.model_validate(asdict(one)) for one in found]


def variants(listing: Listing) -> list[s.Quantization]:
    """Return the choices that a repository offers, with the bytes of their weights."""
    sizes = {file.path: file.size for file in listing.files}
    return [
        s.Quantization(
            name=one.name,
            format=one.format.value,
            bytes=sum(sizes[path] for path in one.files),
            missing=list(one.missing),
        )
        for one in quants.variants(sizes)
    ]


def _files(plan: PullPlan) -> list[s.PlannedFile]:
    groups = (("fetch", plan.fetch), ("have", plan.have), ("leave", plan.ignored))
    return [
        s.PlannedFile(path=one.file.path, bytes=one.file.size, act=act, because=one.because)
        for act, group in groups
        for one in group
    ]


def _hit(one: Found) -> s.Hit:
    known = licences.classify(one.licence, data.licences()) if one.licence else None
    return s.Hit(**asdict(one), commercial_use=known.commercial if known else None)


def _entry(row: dict[str, Any]) -> s.CatalogueEntry:
    offer = row.get("offer") or {}
    return s.CatalogueEntry.model_validate(
        {
            **row,
            "gpu": f"{offer['count']}x {offer['gpu']}" if offer else None,
            "usd_per_hour": offer.get("usd_per_hour"),
            "as_of": offer.get("as_of"),
            "stale": bool(offer.get("stale")),
        }
    )
