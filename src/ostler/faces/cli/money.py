"""How prices are written."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ostler.core.prices import Offer


def today() -> date:
    """Return the day that prices are held against."""
    return datetime.now(UTC).date()


def hourly(price: float | None) -> str:
    """Write a price: `$1.29/h`."""
    return "unknown" if price is None else f"${price:.2f}/h"


def total(cost: float | None) -> str:
    """Write a sum: `$5.16`."""
    return "unknown" if cost is None else f"${cost:.2f}"


def what(offer: Offer) -> str:
    """Write what is rented: `1x A10 at lambda`."""
    return f"{offer.count}x {offer.gpu.name} at {offer.provider}"


def entry(offer: Offer, on: date) -> dict[str, object]:
    """Return an offer for JSON."""
    return {
        "provider": offer.provider,
        "instance": offer.instance,
        "gpu": offer.gpu.name,
        "count": offer.count,
        "memory_gb": offer.gpu.memory_gb,
        "usd_per_hour": offer.price,
        "spot": offer.spot,
        "region": offer.region,
        "as_of": offer.as_of.isoformat() if offer.as_of else None,
        "stale": offer.stale(on),
        "available": offer.available,
        "host": offer.gpu.host,
        "source": offer.source,
        "note": offer.note,
    }
