"""`ostler history`: who did what, when, and why."""

from __future__ import annotations

from contextlib import closing

import click

from ostler import wiring
from ostler.faces.cli import options, show
from ostler.nouns import Event
from ostler.settings import Settings


@click.command("history")
@click.option(
    "--hours", type=options.Number(0), default=24.0, show_default=True, metavar="N",
    help="How far back.",
)  # fmt: skip
@click.option("--act", "acts", multiple=True, metavar="NAME", help="Only these, such as unload.")
@click.option("--subject", metavar="NAME", help="Only what was done to this model or key.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, metavar="N")
@options.as_json
@click.pass_obj
def command(
    settings: Settings, hours: float, acts: tuple[str, ...], subject: str | None, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Show pulls, removals, loads, unloads, evictions, failures and changes of keys.

    Each says who, what, when (UTC), how it ended, and why.

    \b
    ostler history --hours 48
    ostler history --act fail --act evict --json
    ostler history --subject anna
    """
    from ostler.records.moment import hours_ago

    with closing(wiring.records(settings)) as records:
        found = records.events.since(hours_ago(hours), acts=acts, subject=subject, limit=limit)
    if as_json:
        show.as_json(found)
        return
    if not found:
        show.line(
            "Nothing was done in the last hour."
            if hours == 1
            else f"Nothing was done in the last {hours:g} hours."
        )
        return
    titles = ("WHEN", "WHO", "DID", "TO", "OUTCOME", "WHY")
    show.table(titles, [_row(one) for one in found], spare=("WHO",))


def _row(event: Event) -> tuple[str, ...]:
    when = event.at[:19].replace("T", " ")
    return (when, event.actor or "-", event.act, event.subject, event.outcome, event.why)
