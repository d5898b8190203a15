"""`ostler downloads`: what is being fetched, from any terminal; end it, go on with it."""

from __future__ import annotations

import click

from ostler import wiring
from ostler.core.sizes import duration, file_size
from ostler.errors import Busy, UsageError
from ostler.faces.cli import options, show
from ostler.nouns import Download
from ostler.settings import Settings
from ostler.store import Store

SPARE = ("WHERE", "RATE", "OF")  # columns that go where the room is too little


@click.group("downloads", invoke_without_command=True)
@options.as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show the downloads that run, here or on another machine that shares the folder.

    Those that were broken off are shown too, until they are resumed or purged.

    \b
    ostler downloads
    ostler downloads cancel 1f0c2a9b
    ostler downloads resume 1f0c2a9b
    """
    if context.invoked_subcommand:
        return
    known = wiring.store(context.obj).downloads.all()
    if as_json:
        show.as_json([entry(one) for one in known])
    elif not known:
        show.line("No downloads run, and none was broken off.")
    else:
        titles = ("ID", "MODEL", "STATE", "DONE", "OF", "RATE", "LEFT", "WHERE")
        show.table(titles, [_row(one) for one in known], right=(3, 4, 5, 6), spare=SPARE)
        for one in known:
            if one.note:
                show.line(f"{one.id}: {one.note}")


@command.command("cancel")
@click.argument("id", required=False)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--purge", is_flag=True, help="Remove the bytes that came so far, too.")
@options.as_json
@click.pass_obj
def cancel(
    settings: Settings, id: str | None, everything: bool, purge: bool, as_json: bool
) -> None:
    """End a download. Its bytes stay for `ostler downloads resume`, unless --purge removes them.

    \b
    ostler downloads cancel 1f0c2a9b
    ostler downloads cancel --all --purge
    """
    from ostler.verbs import downloads

    store = wiring.store(settings)
    if (id is None) is not everything:
        raise UsageError("Name a download, or --all.", hint="`ostler downloads` lists them.")
    chosen = store.downloads.all() if everything else [_find(store, id or "")]
    ended = [(one, downloads.cancel(store, one, purge)) for one in chosen]
    if as_json:
        show.as_json([{"id": one.id, "name": one.name, "freed_bytes": n} for one, n in ended])
        return
    for one, freed in ended:
        freed_too = f", {file_size(freed)} freed" if purge else ""
        show.line(f"{one.id} {one.name}: {'ended' if one.running else 'forgotten'}{freed_too}.")
    if not ended:
        show.line("No downloads run, and none was broken off.")


@command.command("resume")
@click.argument("id")
@options.as_json
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.pass_obj
def resume(settings: Settings, id: str, as_json: bool, quiet: bool) -> None:
    """Go on with a download that was broken off or cancelled.

    \b
    ostler downloads resume 1f0c2a9b
    """
    from ostler.faces.cli import pull

    found = _find(wiring.store(settings), id)
    if found.running:
        raise Busy(f"{found.name} is being fetched now.", hint="`ostler downloads` shows it.")
    words = [*found.words, *["--json"] * as_json, *["--quiet"] * quiet]
    pull.command.main(words, obj=settings, standalone_mode=False)


def _find(store: Store, id: str) -> Download:
    found = [one for one in store.downloads.all() if id in (one.id, one.name)]
    if not found:
        raise UsageError(f"There is no download {id}.", hint="`ostler downloads` lists them.")
    return found[0]


def _state(one: Download) -> str:
    """A record that says it runs, and whose process is gone, was killed."""
    return "broken off" if one.state in ("running", "paused") and not one.running else one.state


def _row(one: Download) -> tuple[str, ...]:
    rate = f"{file_size(int(one.rate))}/s" if one.rate is not None and one.running else ""
    return (
        one.id, f"{one.name}#{one.variant}" if one.variant else one.name, _state(one),
        file_size(one.done), file_size(one.total), rate,
        duration(one.left) if one.left is not None else "", f"{one.host}:{one.pid}",
    )  # fmt: skip


def entry(one: Download) -> dict[str, object]:
    """Return a download for JSON."""
    return {
        "id": one.id, "name": one.name, "commit": one.commit, "variant": one.variant,
        "state": _state(one), "running": one.running, "done_bytes": one.done,
        "total_bytes": one.total, "bytes_per_second": one.rate if one.running else None,
        "seconds_left": one.left, "host": one.host, "pid": one.pid, "note": one.note or None,
    }  # fmt: skip
