"""`ostler search`: find models here and on the hub."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.sizes import file_size
from ostler.faces.cli import options, show
from ostler.faces.cli.waiting import waiting
from ostler.nouns import Found
from ostler.settings import Settings


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100), metavar="N", default=20, show_default=True)
@click.option("--exact", is_flag=True, help="Only the repository of exactly this name.")
@options.endpoint
@options.as_json
@click.pass_obj
def command(
    settings: Settings, words: tuple[str, ...], limit: int, exact: bool, endpoint: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Find models by WORDS: those kept here first, then those of the hub.

    When the hub cannot be asked, what is here is still found.

    \b
    ostler search qwen2.5
    ostler search qwen2.5 gguf
    ostler search Qwen/Qwen2.5-0.5B-Instruct --exact --json
    """
    from ostler.verbs.search import search

    text = " ".join(words)
    with waiting("Asking the hub"):
        source, store = wiring.source(settings, endpoint), wiring.store(settings)
        found = search(text, source, store, limit=limit, exact=exact)
    if as_json:
        show.as_json(
            {
                "results": found.results,
                "total_results": len(found.results),
                "hub_error": found.hub_error,
                "local_results_only": found.local_results_only,
                "retry_after": found.retry_after,
            }
        )
        return
    if found.results:
        titles = ("MODEL", "HERE", "FORMATS", "SIZE", "LICENCE", "DOWNLOADS")
        show.table(
            titles,
            [_row(one) for one in found.results],
            right=(3, 5),
            spare=("DOWNLOADS", "FORMATS"),
        )
    else:
        where = "here" if found.hub_error else "here or on the hub"
        show.line(f"Nothing is called '{text}' {where}.")
    if found.hub_error:
        show.note(f"Only what is kept here: {found.hub_error}")


def _row(one: Found) -> tuple[str, ...]:
    return (
        one.name,
        "yes" if one.local else "",
        ", ".join(one.formats),
        file_size(one.size) if one.size else "",
        (one.licence or "") + (f", gated: {one.gated}" if one.gated else ""),
        f"{one.downloads:,}" if one.downloads else "",
    )
