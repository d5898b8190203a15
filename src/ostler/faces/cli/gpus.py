"""`ostler gpus`: the GPUs that are known by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostler.faces.cli import money, options, show
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.core.gpus import Gpu
    from ostler.core.prices import Offer

VENDORS = ("nvidia", "amd", "apple", "intel")


@click.command("gpus")
@click.argument("name", required=False)
@click.option("--vendor", type=click.Choice(VENDORS), help="Only GPUs of this maker.")
@click.option("--memory", type=options.Number(0), metavar="GB", help="At least so many GB.")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, name: str | None, vendor: str | None, memory: float | None, as_json: bool
) -> None:
    """List the GPUs that are known, or show the one called NAME with its prices.

    USABLE is what the driver shows of the memory; where nobody has published it, the least that
    the name promises, marked with ~.

    \b
    ostler gpus --vendor nvidia --memory 80
    ostler gpus "NVIDIA A100-SXM4-80GB"
    """
    from ostler import data
    from ostler.core.gpus import find
    from ostler.core.offers import Wanted, considered, ranked
    from ostler.verbs import pricing

    known = (find(name, data.gpus()),) if name else data.gpus()
    found = [
        gpu for gpu in known if vendor in (None, gpu.vendor) and gpu.memory_gb >= (memory or 0)
    ]
    offers = ranked(considered(pricing.offers(settings.home), Wanted()))
    if as_json:
        today = money.today()
        show.as_json(
            [
                _entry(gpu, [money.entry(one, today) for one in offers if one.gpu == gpu])
                for gpu in found
            ]
        )
    elif name:
        _one(found[0], [one for one in offers if one.gpu == found[0]])
    else:
        _all(found, offers)


def _all(found: list[Gpu], offers: list[Offer]) -> None:
    from ostler.core.sizes import memory

    rows = []
    for gpu in sorted(found, key=lambda one: (one.memory_gb, one.name)):
        single = next((one for one in offers if one.gpu == gpu and one.count == 1), None)
        rows.append(
            (
                gpu.name,
                gpu.vendor,
                f"{gpu.memory_gb:g} GB",
                "~" * (gpu.usable_mib is None) + memory(gpu.usable_bytes),
                gpu.capability,
                money.hourly(single.price) if single else "",
                f"{single.provider}, {single.age(money.today())}" if single else "",
            )
        )
    titles = ("GPU", "MAKER", "MEMORY", "USABLE", "ARCH", "FROM", "WHERE")
    show.table(titles, rows, right=(2, 3, 5), spare=("ARCH", "MAKER", "WHERE"))
    show.line("Prices are on demand, one GPU, without a promise of room. `ostler gpus NAME`: all.")


def _one(gpu: Gpu, offers: list[Offer]) -> None:
    from ostler.core.sizes import memory

    shown = memory(gpu.usable_bytes)
    unknown = f"at least {shown}; what the driver shows is not published where we looked"
    show.heading(gpu.name)
    show.pairs(
        [
            ("also", ", ".join(gpu.aliases)),
            ("maker", f"{gpu.vendor}, {gpu.arch}, {gpu.capability}"),
            ("memory", f"{gpu.memory_gb:g} GB" + (", shared with the system" * gpu.unified)),
            ("usable", unknown if gpu.usable_mib is None else shown),
            ("bandwidth", f"{gpu.bandwidth_gb_s:g} GB/s" if gpu.bandwidth_gb_s else "unknown"),
            ("FP8", {True: "yes", False: "no", None: "unknown"}[gpu.fp8]),
            ("linked by", gpu.interconnect or "unknown"),
            ("host", gpu.host or "any"),
            ("source", f"{gpu.source} (confidence: {gpu.confidence})"),
        ]
    )
    if not offers:
        show.line("No price is known for it.")
        return
    today = money.today()
    show.table(
        ("GPUS", "PRICE", "PROVIDER", "INSTANCE", "REGION", "PRICE READ"),
        [
            (
                str(one.count), money.hourly(one.price), one.provider, one.instance,
                one.region, one.age(today),
            )
            for one in offers
        ],
        right=(0, 1),
        spare=("REGION", "INSTANCE"),
    )  # fmt: skip


def _entry(gpu: Gpu, offers: list[dict[str, object]]) -> dict[str, object]:
    return {
        **show.plain(gpu),
        "usable_bytes": gpu.usable_bytes,
        "usable_known": gpu.usable_mib is not None,
        "unified": gpu.unified,
        "host": gpu.host,
        "offers": offers,
    }
