"""`ostler cost`: what rented hours cost before you take them, and where the month's money went."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ostler.core import spending
from ostler.core.needing import held_by
from ostler.core.offers import Match, Wanted, closest
from ostler.core.spending import Booking, Standing
from ostler.errors import NoGpuFits, OverSpending, UsageError
from ostler.faces.cli import asking, journal, money, offering, options, show, spent
from ostler.nouns import Workload
from ostler.settings import Settings

hours = click.option(
    "--hours", type=options.Number(0, min_open=True), default=4.0, show_default=True,
    metavar="N",
)  # fmt: skip
gpu = click.option("--gpu", metavar="NAME", help="On this GPU; else on the cheapest that fits.")
force = click.option("--force", is_flag=True, help="Take --gpu although the model does not fit.")


@click.group("cost")
def command() -> None:
    """Say what rented GPUs cost, before; and for which models the month's money went.

    Ostler books what you tell it: it starts no machine at a provider. The budget is
    OSTLER_MONTHLY_USD.

    \b
    ostler cost quote qwen2.5-coder-32b --gpu A100-80GB-SXM --hours 4
    ostler cost book qwen2.5-coder-32b --gpu A100-80GB-SXM --hours 4
    ostler cost report
    """


@command.command("quote")
@click.argument("model")
@gpu
@hours
@options.context
@options.sequences
@offering.provider
@offering.region
@offering.spot
@force
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def quote(
    settings: Settings, model: str, gpu: str | None, hours: float, context: int | None,
    sequences: int, providers: tuple[str, ...], regions: tuple[str, ...], spot: bool, force: bool,
    endpoint: str | None, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show GPU, rate, hours and sum for MODEL, and what the month's budget says to it.

    \b
    ostler cost quote qwen2.5-coder-32b-int4 --hours 4
    ostler cost quote llama-3.1-8b --gpu A10 --hours 8 --json
    """
    wanted = offering.wanted(providers, regions, None, spot, False, 8, gpu)
    load = Workload(context, sequences)
    match = _match(settings, model, load, wanted, gpu, force, endpoint, offline)
    planned = _cents(match, hours)
    found = _standing(settings, planned)
    if as_json:
        show.as_json(_entry(model, match, hours, found))
        return
    _show(match, hours, found)


@command.command("book")
@click.argument("model")
@gpu
@hours
@options.context
@options.sequences
@offering.provider
@offering.region
@offering.spot
@force
@click.option("--usd", type=options.Number(0), metavar="SUM", help="What it cost in fact.")
@click.option("--enforce", is_flag=True, help="Refuse what is beyond the month's budget.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show it, and book nothing.")
@options.endpoint
@options.offline
@options.as_json
@click.pass_obj
def book(
    settings: Settings, model: str, gpu: str | None, hours: float, context: int | None,
    sequences: int, providers: tuple[str, ...], regions: tuple[str, ...], spot: bool, force: bool,
    usd: float | None, enforce: bool, yes: bool, dry_run: bool, endpoint: str | None,
    offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show the quote, ask, and write the hours down against the month's budget.

    Beyond the budget it warns; with --enforce it refuses, with exit code 50.

    \b
    ostler cost book qwen2.5-coder-32b --gpu A100-80GB-SXM --hours 4
    ostler cost book llama-3.1-8b --hours 2 --usd 1.55 --yes
    """
    wanted = offering.wanted(providers, regions, None, spot, False, 8, gpu)
    load = Workload(context, sequences)
    match = _match(settings, model, load, wanted, gpu, force, endpoint, offline)
    planned = round(usd * 100) if usd is not None else _cents(match, hours)
    if planned is None:
        raise UsageError(
            f"No price is known for {money.what(match.offer)}.",
            hint="Say what it cost: --usd 5.16",
        )
    found = _standing(settings, planned)
    if not as_json:
        _show(match, hours, found)
    if found.word == "over" and enforce:
        raise OverSpending(
            f"That is beyond the month's budget: {found.because}.",
            hint="ostler cost report shows where it went; OSTLER_MONTHLY_USD sets it.",
            spent=found.spent, planned=planned, budget=found.budget,
        )  # fmt: skip
    if not dry_run:
        _confirm(planned, yes)
        offer = match.offer
        made = Booking(model, offer.gpu.name, offer.count, offer.provider, hours, planned)
        journal.did(settings, spending.ACT, model, found.because, **made.facts)
    if as_json:
        show.as_json({**_entry(model, match, hours, found), "booked": not dry_run})
    else:
        show.line("Nothing was booked." if dry_run else f"Booked {spending.dollars(planned)}.")


@command.command("report")
@click.option("--month", metavar="YYYY-MM", help="This month, where it is left out.")
@options.as_json
@click.pass_obj
def report(settings: Settings, month: str | None, as_json: bool) -> None:
    """Show what each model took of a month, and what is left of the budget.

    \b
    ostler cost report
    ostler cost report --month 2026-11 --json
    """
    month = _month(month)
    made = spending.of_month(spent.bookings(settings, f"{month}-01"), month)
    lines, found = (
        spending.by_model(made),
        spending.standing(made, month, spent.budget(settings), 0),
    )
    if as_json:
        show.as_json({
            "month": month, "models": lines, "spent_cents": found.spent,
            "budget_cents": found.budget, "standing": found.word, "because": found.because,
        })  # fmt: skip
        return
    if not lines:
        show.line(f"Nothing was booked in {month}.")
        show.note("  ostler cost book MODEL --hours N")
    else:
        rows = [(one.model, str(one.bookings), f"{one.hours:g}", spending.dollars(one.cents),
                 f"{one.percent:.0f} %") for one in lines]  # fmt: skip
        titles = ("MODEL", "BOOKINGS", "GPU HOURS", "COST", "SHARE")
        show.table(titles, rows, right=(1, 2, 3, 4), spare=("BOOKINGS",))
    _warn(found)


def _match(
    settings: Settings, model: str, load: Workload, wanted: Wanted, gpu: str | None,
    force: bool, endpoint: str | None, offline: bool,
) -> Match:  # fmt: skip
    """Return the cheapest offer that holds the model. Raises NoGpuFits."""
    known = offering.known(settings, model, endpoint, offline)
    found = held_by(offering.offers(settings, wanted), known.entry, known.facts, load)
    best = closest(found)
    if best is None:
        raise NoGpuFits(
            "Nothing on offer is as you want it.", hint="ostler prices lists the offers."
        )
    if not best.fits and not (force and gpu):
        what = money.what(best.offer)
        raise NoGpuFits(
            f"{model} does not fit: {what}: {best.because}.",
            hint="ostler recommend shows what holds it; --force books --gpu all the same.",
        )
    return best


def _cents(match: Match, hours: float) -> int | None:
    price = match.offer.price
    return None if price is None else spending.cents(price, hours)


def _standing(settings: Settings, planned: int | None) -> Standing:
    month = _month(None)
    made = spent.bookings(settings, f"{month}-01")
    return spending.standing(made, month, spent.budget(settings), planned or 0)


def _month(text: str | None) -> str:
    try:
        moment = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC) if text else datetime.now(UTC)
    except ValueError:
        raise UsageError(f"{text!r} is no month.", hint="Write it as 2026-11.") from None
    return f"{moment:%Y-%m}"


def _show(match: Match, hours: float, found: Standing) -> None:
    offer, price = match.offer, match.offer.price
    read = f"read on {offer.as_of}" if offer.as_of else "read on no known day"
    stale = ", stale" if offer.stale(money.today()) else ""
    show.pairs([
        ("GPU", f"{money.what(offer)}, {match.because}"),
        ("rate", "unknown" if price is None else f"{money.hourly(price)}, {read}{stale}"),
        ("hours", f"{hours:g}"),
        ("sum", "unknown" if price is None else spending.dollars(spending.cents(price, hours))),
    ])  # fmt: skip
    _warn(found)


def _warn(found: Standing) -> None:
    said = f"{found.because[0].upper()}{found.because[1:]}."
    if found.word in ("over", "near"):
        said = show.style(said, fg="red" if found.word == "over" else "yellow")
    show.line(said)


def _confirm(planned: int, yes: bool) -> None:
    if not yes:
        question = f"Book {spending.dollars(planned)}?"
        asking.confirm(question, "nothing was booked", "Add --yes to book without being asked.")


def _entry(model: str, match: Match, hours: float, found: Standing) -> dict[str, object]:
    return {
        "model": model,
        "offer": offering.entry(match, hours),
        "hours": hours,
        "cents": found.planned,
        "month": {"spent_cents": found.spent, "budget_cents": found.budget},
        "standing": found.word,
        "because": found.because,
    }
