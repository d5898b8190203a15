"""`ostler prices`: what rented GPUs cost, and since when; `update` reads a newer list."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from ostler import wiring
from ostler.core.sizes import counted
from ostler.faces.cli import money, options, show
from ostler.faces.cli.waiting import waiting
from ostler.settings import Settings


@click.group("prices", invoke_without_command=True)
@click.option("--gpu", metavar="NAME", help="Only this GPU.")
@click.option("--provider", metavar="NAME", help="Only this provider.")
@click.option("--spot", is_flag=True, help="Spot prices too.")
@click.option("--suspect", is_flag=True, help="Prices too that their own list doubts.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, gpu: str | None, provider: str | None, spot: bool, suspect: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List what rented GPUs cost by the hour, the cheapest first, and when that was read.

    A price older than 60 days, or of no known day, is marked stale. Of each provider's GPUs only
    what was read last is shown. Prices that come along are from public lists, each with its
    source (--json); `ostler prices update` puts newer ones in front of them.

    \b
    ostler prices --gpu A100-80GB-SXM
    ostler prices update instance-types.json
    """
    if ctx.invoked_subcommand:
        return
    from ostler import data
    from ostler.core.gpus import find
    from ostler.core.offers import Wanted, considered, ranked
    from ostler.verbs import pricing

    wanted = Wanted(
        providers=(provider,) if provider else (),
        gpus=(find(gpu, data.gpus()).name,) if gpu else (),
        spot=spot,
        doubtful=suspect,
        most_gpus=1024,
    )
    offers = ranked(considered(pricing.offers(ctx.obj.home), wanted))
    today = money.today()
    if as_json:
        show.as_json([money.entry(one, today) for one in offers])
        return
    if not offers:
        show.line("No such price is known.")
    show.table(
        ("PRICE", "GPUS", "PROVIDER", "INSTANCE", "REGION", "PRICE READ", "NOTE"),
        [
            (
                money.hourly(one.price),
                f"{one.count}x {one.gpu.name}",
                one.provider + " spot" * one.spot,
                one.instance,
                one.region,
                one.age(today),
                one.note,
            )
            for one in offers
        ],
        right=(0,),
        spare=("NOTE", "REGION", "INSTANCE"),
    )


@command.command("update")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--from", "origin", type=click.Choice(["gpuhunt"]), help="Ask this library.")
@click.option("--provider", "providers", multiple=True, metavar="NAME", help="For gpuhunt.")
@click.option("--as-of", metavar="DAY", help="The day FILE was read, as 2026-11-20; else today.")
@options.dry_run
@options.as_json
@click.pass_obj
def update(
    settings: Settings, file: Path | None, origin: str | None, providers: tuple[str, ...],
    as_of: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Read newer prices from FILE, or by the library gpuhunt.

    FILE is the JSON that Lambda's `instance-types` answers, or CSV with the columns provider,
    instance_type, gpu, count, price_usd_per_hour and, if known, pricing, region, as_of, source,
    note, available. From then on these providers' prices are those of the list alone.

    \b
    ostler prices update instance-types.json
    ostler prices update --from gpuhunt --provider runpod
    """
    from ostler.errors import UsageError
    from ostler.verbs import pricing

    if (file is None) == (origin is None):
        raise UsageError("Give either FILE or --from gpuhunt.", hint="ostler prices update --help")
    day = _day(as_of)
    if file:
        planned = pricing.plan_from_file(file, day)
    else:
        with waiting("Asking the providers' lists"):
            planned = pricing.plan_from_gpuhunt(wiring.gpuhunt_items(providers), day)
    if not dry_run:
        pricing.update(settings.home, planned)
    if as_json:
        show.as_json(
            {
                "updated": not dry_run,
                "source": planned.source,
                "providers": planned.providers,
                "offers": len(planned.offers),
                "left_out": planned.left_out,
            }
        )
        return
    for text in planned.left_out:
        show.line(f"Left out: {text}")
    done = "would be kept; nothing was changed" if dry_run else "kept"
    names = ", ".join(planned.providers)
    show.line(f"{counted(len(planned.offers), 'price')} of {names} from {planned.source} {done}.")


def _day(text: str | None) -> date:
    from ostler.errors import UsageError

    if text is None:
        return money.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day.", hint="Write it as 2026-11-20.") from None
