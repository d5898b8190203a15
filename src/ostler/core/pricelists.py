"""Lists of prices in the shapes that others publish -> offers, and offers -> our own shape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ostler.core.gpus import Gpu, find, folded
from ostler.core.prices import Offer, dollars, whole
from ostler.errors import UnknownGpu, UsageError


def from_lambda(
    answer: Mapping[str, Any], gpus: Sequence[Gpu], as_of: date, source: str
) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """Return the offers of Lambda's `instance-types` answer, and the types that were left out.

    Types that have room somewhere are one offer for each of these regions. Raises UsageError
    where the answer has another shape.
    """
    types = answer.get("data", answer)
    if not isinstance(types, Mapping) or not types:
        raise _not_lambda()
    offers: list[Offer] = []
    left_out: list[str] = []
    for name, entry in types.items():
        try:
            offers += _lambda_type(str(name), entry, gpus, as_of, source)
        except UnknownGpu as unknown:
            left_out.append(f"{name}: {unknown.what}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _not_lambda() from error
    return tuple(offers), tuple(left_out)


def _lambda_type(
    name: str, entry: Mapping[str, Any], gpus: Sequence[Gpu], as_of: date, source: str
) -> list[Offer]:
    kind = entry.get("instance_type", entry)
    if name.startswith("cpu_"):
        return []
    count = kind.get("specs", {}).get("gpus") or int(re.findall(r"gpu_(\d+)x", name)[0])
    cents = kind["price_cents_per_hour"]
    gpu = _lambda_gpu(name, str(kind.get("gpu_description", "")), gpus)
    named = entry.get("regions_with_capacity_available")
    regions = [str(region["name"]) for region in named or ()] or [""]
    return [
        Offer(
            "lambda", name, gpu, whole(str(count)), dollars(str(cents / 100)), region=region,
            as_of=as_of, source=source, available=None if named is None else bool(named),
        )
        for region in regions
    ]  # fmt: skip


def _lambda_gpu(name: str, description: str, gpus: Sequence[Gpu]) -> Gpu:
    """Return the GPU of an instance type: by its own name, by that of the single one, by words."""
    single = re.sub(r"gpu_\d+x", "gpu_1x", name)
    known = {alias: gpu for gpu in gpus for alias in gpu.aliases}
    return known.get(name) or known.get(single) or find(description or name, gpus)


def _not_lambda() -> UsageError:
    return UsageError(
        "This JSON is not the answer of Lambda's `instance-types`.",
        hint="It maps names to entries with `price_cents_per_hour`. Other lists come as CSV.",
    )


def from_gpuhunt(
    items: Iterable[Any], gpus: Sequence[Gpu], as_of: date
) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """Return the offers of gpuhunt's catalogue items, and the GPUs that were left out.

    gpuhunt says `A100` and 80 GB; where several of ours match, it is the first, and a note says
    that the form factor is not stated.
    """
    offers: list[Offer] = []
    left_out: dict[str, None] = {}
    for item in items:
        if not item.gpu_count or not item.gpu_name:
            continue
        found = _of_size(item.gpu_name, item.gpu_memory, gpus)
        if not found:
            left_out[f"{item.gpu_name} with {item.gpu_memory:g} GB: not in the table of GPUs"] = (
                None
            )
            continue
        note = "form factor not stated" if len(found) > 1 else ""
        offers.append(
            Offer(
                item.provider, item.instance_name, found[0], item.gpu_count, item.price,
                bool(item.spot), item.location or "", as_of, "gpuhunt", note,
            )
        )  # fmt: skip
    return tuple(offers), tuple(left_out)


def _of_size(name: str, memory_gb: float | None, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Return the GPUs that carry this name and about this memory, in GB."""
    wanted = folded(name)
    named = [
        gpu
        for gpu in gpus
        if folded(gpu.name).startswith(wanted) or wanted in {folded(one) for one in gpu.aliases}
    ]
    return [
        gpu for gpu in named if memory_gb and abs(gpu.memory_gb - memory_gb) <= 0.05 * memory_gb
    ]


def as_rows(offers: Iterable[Offer]) -> list[dict[str, str]]:
    """Return the offers as rows with the columns of data/prices.csv."""
    return [
        {
            "provider": one.provider,
            "instance_type": one.instance,
            "gpu": one.gpu.name,
            "count": str(one.count),
            "price_usd_per_hour": "" if one.price is None else repr(one.price),
            "pricing": "spot" if one.spot else "on-demand",
            "region": one.region,
            "as_of": one.as_of.isoformat() if one.as_of else "",
            "as_of_basis": "the day the list was read" if one.as_of else "",
            "source": one.source,
            "confidence": "",
            "note": one.note,
            "available": {None: "", True: "yes", False: "no"}[one.available],
        }
        for one in offers
    ]
