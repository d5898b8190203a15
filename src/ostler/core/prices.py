"""What a GPU costs by the hour, where, and on which day somebody read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ostler.core.gpus import GB, Gpu, find
from ostler.core.sizes import counted
from ostler.errors import UnknownGpu, UsageError

STALE_DAYS = 60
COLUMNS = (
    "provider", "instance_type", "gpu", "count", "price_usd_per_hour", "pricing", "region",
    "as_of", "as_of_basis", "source", "confidence", "note", "available",
)  # fmt: skip
NEEDED = COLUMNS[:5]
# Notes of rows that are no price somebody could pay: shown only when asked for.
DOUBTFUL = ("SUSPECT", "accelerator price only", "per-GPU estimate")


@dataclass(frozen=True, slots=True)
class Offer:
    """GPUs that can be rented together. Prices are US dollars an hour for all of them."""

    provider: str
    instance: str
    gpu: Gpu
    count: int
    price: float | None  # None: not known
    spot: bool = False
    region: str = ""  # "" where the list names none
    as_of: date | None = None  # None: nobody wrote down when it was read
    source: str = ""
    note: str = ""
    available: bool | None = None  # None: the list does not say

    @property
    def doubt(self) -> str:
        """Why this is no price to count on; "" where nothing speaks against it."""
        return self.note if any(mark in self.note for mark in DOUBTFUL) else ""

    @property
    def memory(self) -> int:
        """Bytes of all its GPUs as they are sold."""
        return int(self.count * self.gpu.memory_gb * GB)

    def stale(self, today: date) -> bool:
        """Say whether the price is older than 60 days, or of no known day."""
        return self.as_of is None or (today - self.as_of).days > STALE_DAYS

    def age(self, today: date) -> str:
        """Write how old the price is."""
        if self.as_of is None:
            return "undated, stale"
        days = (today - self.as_of).days
        return (
            f"{self.as_of.isoformat()}, stale"
            if self.stale(today)
            else f"{counted(days, 'day')} old"
        )


def parse(rows: Iterable[Mapping[str, str]], gpus: Sequence[Gpu]) -> tuple[Offer, ...]:
    """Return the offers of a table with the columns of data/prices.csv.

    Rows without a GPU are left out. Raises UsageError with the row's number.
    """
    return tuple(
        _offer(number, row, gpus)
        for number, row in enumerate(rows, start=2)  # the first line holds the titles
        if row.get("gpu") and row["gpu"].upper() != "CPU"
    )


def _offer(number: int, row: Mapping[str, str], gpus: Sequence[Gpu]) -> Offer:
    lacking = [name for name in NEEDED if row.get(name) is None]
    if lacking:
        raise UsageError(
            f"A list of prices has no column {', '.join(lacking)}.",
            hint=f"The columns are {', '.join(COLUMNS)}; the first five are needed.",
        )
    try:
        return Offer(
            provider=row["provider"],
            instance=row["instance_type"],
            gpu=find(row["gpu"], gpus),
            count=whole(row["count"]),
            price=dollars(row["price_usd_per_hour"]),
            spot=row.get("pricing") == "spot",
            region=row.get("region") or "",
            as_of=date.fromisoformat(row["as_of"]) if row.get("as_of") else None,
            source=row.get("source") or "",
            note=row.get("note") or "",
            available={"yes": True, "no": False}.get(row.get("available") or ""),
        )
    except (ValueError, UnknownGpu) as error:
        raise UsageError(f"Row {number} of the prices cannot be read: {error}") from error


def whole(text: str) -> int:
    """Read a number of GPUs. Raises ValueError."""
    count = int(text)
    if count < 1:
        raise ValueError(f"{count} GPUs")
    return count


def dollars(text: str) -> float | None:
    """Read a price; an empty one is not known. Raises ValueError."""
    if not text:
        return None
    price = float(text)
    if not 0 <= price < 1e6:  # also refuses what is no number
        raise ValueError(f"a price of {text}")
    return price


def merged(shipped: Sequence[Offer], own: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return both lists as one: a provider of whom the user has a list is taken from there."""
    newer = {offer.provider for offer in own}
    return (*own, *(offer for offer in shipped if offer.provider not in newer))


def current(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Return of each provider's GPUs only what was read last; an undated price yields to a dated.

    Lists name instances differently, so what is compared is provider, GPU, count and spot.
    """
    newest: dict[tuple[str, str, int, bool], date] = {}
    for one in offers:
        newest[_key(one)] = max(newest.get(_key(one), date.min), one.as_of or date.min)
    return tuple(one for one in offers if (one.as_of or date.min) == newest[_key(one)])


def _key(offer: Offer) -> tuple[str, str, int, bool]:
    return offer.provider, offer.gpu.name, offer.count, offer.spot
