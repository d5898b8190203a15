"""Which rented GPUs hold a model, the cheapest first, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ostler.core.gpus import Gpu
from ostler.core.prices import Offer
from ostler.core.sizes import memory
from ostler.errors import UsageError
from ostler.nouns import Estimate, ModelFacts


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user says about the GPUs to rent."""

    providers: tuple[str, ...] = ()  # empty: all
    regions: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()  # names
    vendors: tuple[str, ...] = ()
    arch: str = ""  # "x86_64" leaves out GPUs that come only with an ARM processor
    spot: bool = False  # take spot prices too
    doubtful: bool = False  # take prices that the list itself doubts
    most_gpus: int = 8


@dataclass(frozen=True, slots=True)
class Match:
    """One offer held against one model."""

    offer: Offer
    estimate: Estimate | None  # for each of its GPUs; None where the model cannot be split so
    room: int  # bytes of one GPU
    fits: bool
    because: str

    def cost(self, hours: float) -> float | None:
        """Return US dollars for so many hours; None where the price is not known."""
        return None if self.offer.price is None else self.offer.price * hours


Need = Callable[[int], Estimate]  # GPUs -> what each of them must hold; raises UsageError
Bar = Callable[[Gpu], str | None]  # why a GPU cannot run the model; None where it can


def no_bar(gpu: Gpu) -> None:
    """Refuse no GPU."""


def ranked(offers: Iterable[Offer]) -> list[Offer]:
    """Return the offers by price, then memory, then name; those without a price come last."""
    return sorted(offers, key=_rank)


def _rank(offer: Offer) -> tuple[bool, float, int, str, str, str]:
    return (
        offer.price is None,
        offer.price or 0.0,
        offer.memory,
        offer.gpu.name,
        offer.provider,
        offer.region,
    )


def considered(offers: Iterable[Offer], wanted: Wanted) -> list[Offer]:
    """Return the offers a user would take whatever the model is, but for the budget."""
    return [offer for offer in offers if _taken(offer, wanted)]


def _taken(offer: Offer, wanted: Wanted) -> bool:
    return (
        (not wanted.providers or offer.provider in wanted.providers)
        and (not wanted.regions or not offer.region or _within(offer.region, wanted.regions))
        and (not wanted.gpus or offer.gpu.name in wanted.gpus)
        and (not wanted.vendors or offer.gpu.vendor in wanted.vendors)
        and not (wanted.arch == "x86_64" and offer.gpu.host == "arm64")
        and (wanted.spot or not offer.spot)
        and (wanted.doubtful or not offer.doubt)
        and offer.available is not False
        and offer.count <= wanted.most_gpus
    )


def _within(region: str, wanted: Sequence[str]) -> bool:
    return region.startswith("all ") or region in wanted


def matches(
    offers: Iterable[Offer], need: Need, *, bar: Bar = no_bar, as_sold: bool = False
) -> list[Match]:
    """Hold each offer against what a model needs, the cheapest first.

    Several GPUs count only with tensor parallelism over all of them. `as_sold` takes a GPU's
    memory as its name says, in GB of 10^9 bytes, the seeds' way; otherwise it is what the driver
    shows.
    """
    offers = tuple(offers)
    needs: dict[int, Estimate | str] = {}
    for offer in offers:
        if offer.count not in needs:
            needs[offer.count] = _needed(need, offer.count)
    return [
        _match(offer, bar(offer.gpu) or needs[offer.count], as_sold) for offer in ranked(offers)
    ]


def _needed(need: Need, count: int) -> Estimate | str:
    try:
        return need(count)
    except UsageError as refusal:
        return refusal.what


def _match(offer: Offer, needed: Estimate | str, as_sold: bool) -> Match:
    room = offer.memory // offer.count if as_sold else offer.gpu.usable_bytes
    if isinstance(needed, str):
        return Match(offer, None, room, False, needed)
    fits = needed.required <= room
    each = "" if offer.count == 1 else " on each GPU"
    because = f"{memory(needed.required)} needed{each}, {memory(room)} there"
    if not fits:
        because += f": {memory(needed.required - room)} too little"
    return Match(offer, needed, room, fits, because)


def within(budget: float | None, match: Match) -> bool:
    """Say whether a match fits and is known to cost no more than the budget."""
    if not match.fits:
        return False
    return budget is None or (match.offer.price is not None and match.offer.price <= budget)


def closest(found: Sequence[Match]) -> Match | None:
    """Return the cheapest that fits, else the one that lacks least; None where none was tried."""
    fitting = [match for match in found if match.fits]
    if fitting:
        return fitting[0]
    short = [match for match in found if match.estimate]
    return min(short, key=_lack, default=None)


def _lack(match: Match) -> int:
    assert match.estimate
    return match.estimate.required - match.room


def saving(from_price: float | None, to_price: float | None) -> tuple[float, float] | None:
    """Return (dollars an hour, percent) saved by the second price; None where it saves nothing."""
    if not from_price or to_price is None or to_price >= from_price:
        return None
    return from_price - to_price, 100 * (from_price - to_price) / from_price


def split_refusal(facts: ModelFacts, gpus: int) -> str | None:
    """Say why a model cannot be split over so many GPUs; None where it can.

    Each GPU takes whole heads: the heads must divide by the GPUs, and the KV heads by them or
    they by the KV heads (then a KV head is held by several).
    """
    if gpus == 1:
        return None
    if facts.heads is None:
        return f"Its heads are not known, so it is not split over {gpus} GPUs"
    if facts.heads % gpus:
        return f"{facts.heads} heads do not divide by {gpus} GPUs"
    kv = facts.kv_heads
    if kv and kv % gpus and gpus % kv:
        return f"{kv} KV heads do not divide by {gpus} GPUs"
    return None
