"""GPUs, prices and recommendations, as the control API tells them. Everything here may block."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ostler import data
from ostler.core.gpus import Gpu, find
from ostler.core.needing import held_by
from ostler.core.offers import Match, Wanted, closest, considered, ranked, within
from ostler.core.prices import Offer
from ostler.core.recommending import Pick, recommend
from ostler.core.sizes import counted
from ostler.errors import UsageError
from ostler.faces.api import fit_schemas as s
from ostler.nouns import Workload
from ostler.settings import Settings
from ostler.verbs import pricing

MOST_GPUS = 1024  # of an offer
MOST_OTHERS = 50


class Quotes:
    """What can be rented, for how much, and for which model."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def gpus(self, name: str | None, vendor: str | None, memory_gb: float) -> list[s.GpuKnown]:
        """Return the GPUs that are known, with their offers where one is named. UnknownGpu."""
        known = (find(name, data.gpus()),) if name else data.gpus()
        offers = self._offers(Wanted(most_gpus=MOST_GPUS)) if name else []
        return [
            _gpu(one, [offer for offer in offers if offer.gpu == one])
            for one in sorted(known, key=lambda one: (one.memory_gb, one.name))
            if vendor in (None, one.vendor) and one.memory_gb >= memory_gb
        ]

    def prices(self, gpu: str | None, provider: str | None, spot: bool) -> list[s.Price]:
        """Return what rented GPUs cost, the cheapest first. Raises UnknownGpu."""
        wanted = Wanted(
            providers=(provider,) if provider else (),
            gpus=(find(gpu, data.gpus()).name,) if gpu else (),
            spot=spot,
            most_gpus=MOST_GPUS,
        )
        return [_price(one) for one in self._offers(wanted)]

    def recommend(self, asked: s.ToRecommend) -> s.Recommended:
        """Say which model to take for a task, or which GPU for a model.

        Raises UsageError unless one of the two is given, UnknownModel, and what a hub raises.
        """
        if (asked.model is None) == (asked.task is None):
            raise UsageError("Give either a task or a model.", hint="ostler recommend --help")
        wanted = Wanted(tuple(asked.providers), spot=asked.spot, most_gpus=asked.most_gpus)
        load = Workload(asked.context, asked.sequences)
        if asked.task:
            return self._for_task(asked, wanted, load)
        return self._for_model(asked, wanted, load)

    def _for_task(self, asked: s.ToRecommend, wanted: Wanted, load: Workload) -> s.Recommended:
        from ostler.faces.cli import offering
        from ostler.faces.cli.recommend import TASKS

        task = asked.task or ""
        if task not in TASKS:
            raise UsageError(f"{task!r} is no task.", hint=f"Known are: {', '.join(TASKS)}.")
        candidates = offering.candidates(self.settings)
        found = recommend(candidates, self._offers(wanted), task, load, asked.budget)
        return s.Recommended(
            recommended=_pick(found.best, asked.hours) if found.best else None,
            reason=found.reason,
            others=[_pick(one, asked.hours) for one in found.others[:MOST_OTHERS]],
            closest=_pick(found.closest, asked.hours) if found.closest else None,
            left_out=[list(one) for one in found.left_out],
        )

    def _for_model(self, asked: s.ToRecommend, wanted: Wanted, load: Workload) -> s.Recommended:
        from ostler.faces.cli import offering

        known = offering.known(self.settings, asked.model or "", None, self.settings.offline)
        found = held_by(self._offers(wanted), known.entry, known.facts, load)
        good = [match for match in found if within(asked.budget, match)]
        nearest = closest(found)

        def pick(match: Match) -> s.PickShown:
            return s.PickShown(
                model=known.entry.id, repo=known.entry.repo, licence=known.entry.licence,
                action="reuse" if known.here else "deploy", offer=_quote(match, asked.hours),
            )  # fmt: skip

        if not good:
            why = f"No GPU on offer holds {known.entry.id} for that."
            return s.Recommended(
                recommended=None, reason=why, closest=pick(nearest) if nearest else None
            )
        return s.Recommended(
            recommended=pick(good[0]),
            reason=f"{counted(len(good), 'offer holds', 'offers hold')} {known.entry.id}; "
            "this is the cheapest.",
            others=[pick(one) for one in good[1 : MOST_OTHERS + 1]],
        )

    def _offers(self, wanted: Wanted) -> list[Offer]:
        return ranked(considered(pricing.offers(self.settings.home), wanted))


def _pick(one: Pick, hours: float | None) -> s.PickShown:
    entry = one.candidate.entry
    return s.PickShown(
        model=entry.id, repo=entry.repo, licence=entry.licence, action=one.action,
        offer=_quote(one.match, hours),
    )  # fmt: skip


def _quote(match: Match, hours: float | None) -> s.Quote:
    from ostler.faces.cli import offering

    return s.Quote.model_validate(offering.entry(match, hours))


def _price(offer: Offer) -> s.Price:
    from ostler.faces.cli import money

    return s.Price.model_validate(money.entry(offer, money.today()))


def _gpu(gpu: Gpu, offers: list[Offer]) -> s.GpuKnown:
    said: dict[str, Any] = {
        name: value for name, value in asdict(gpu).items() if name in s.GpuKnown.model_fields
    }
    return s.GpuKnown(
        **said,
        usable_bytes=gpu.usable_bytes,
        usable_known=gpu.usable_mib is not None,
        offers=[_price(one) for one in offers],
    )
