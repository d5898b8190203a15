"""`ostler rebuild`: make lost manifests anew."""

from __future__ import annotations

from dataclasses import asdict

import click

from ostler import wiring
from ostler.core.sizes import counted, file_size
from ostler.faces.cli import journal, options, progress, show
from ostler.faces.cli.waiting import waiting
from ostler.records.salvage import Salvaged
from ostler.settings import Settings
from ostler.verbs import mending


@click.command("rebuild")
@options.dry_run
@options.as_json
@click.pass_obj
def command(settings: Settings, dry_run: bool, as_json: bool) -> None:
    """Make lost or damaged manifests anew from the store itself: views, contents and READMEs.

    Every content is proven again. What cannot be known from the store is said: `ostler pull`
    of the same model fetches nothing that is here and fills it in. Damaged records (keys, history,
    measurements) are set aside, and what can be read of them is kept; a server goes on with that.

    \b
    ostler rebuild --dry-run
    ostler rebuild
    """
    from ostler.verbs import rebuild

    store = wiring.store(settings)
    trouble, saved = _records(settings, dry_run=dry_run)
    with waiting("Looking at what is kept"):
        plan = rebuild.plan(store)
    how = "none" if as_json or dry_run else progress.kind(as_json=False, quiet=False)
    if dry_run:
        back = plan.lost
    else:
        with progress.shown("bars" if how == "bars" else "none", "Reading contents") as report:
            back = rebuild.carry_out(plan, store, report)
        journal.did_to(settings, "rebuild", (one.manifest for one in back))
    if as_json:
        models = [
            {"name": one.manifest.name, "commit": one.manifest.commit,
             "files": len(one.manifest.files), "gone": one.gone, "unknown": one.unknown}
            for one in back
        ]  # fmt: skip
        show.as_json(
            {
                "dry_run": dry_run,
                "sound": len(plan.sound),
                "rebuilt": models,
                "set_aside": plan.damaged,
                "unnamed": plan.unnamed,
                "records": {"damaged": trouble, **(asdict(saved) if saved else {})},
            }
        )
        return
    for path in plan.damaged:
        show.line(f"{path} is damaged{'' if dry_run else '; set aside as .damaged'}.")
    for one in back:
        verb = "can be rebuilt" if dry_run else "is back"
        m = one.manifest
        files = f"{counted(len(m.files), 'file')}, {file_size(m.size)}"
        show.line(f"{m.name} at {m.commit[:12]} {verb}: {files}.")
        for gone in one.gone:
            show.line(f"  {gone} is gone; ostler pull {m.name}")
        show.line(f"  Unknown: {', '.join(one.unknown)}.")
    for lone in plan.unnamed:
        show.line(f"{lone.sha256}: {lone.what}, {file_size(lone.bytes)}; nothing names it.")
    if plan.unnamed:
        show.line("`ostler pull` of the model they are of names them again and fetches nothing.")
    if trouble:
        _tell_records(settings, trouble, saved)
    if not (plan.damaged or back or plan.unnamed):
        show.line(f"All {len(plan.sound)} manifests are sound; their views were looked at.")


def _records(settings: Settings, *, dry_run: bool) -> tuple[str, Salvaged | None]:
    """Return what was wrong with the records, and what became of them."""
    if settings.database:
        return "", None  # PostgreSQL mends its own
    trouble = mending.plan(settings.home)
    if dry_run or not trouble:
        return trouble, None
    saved = mending.carry_out(settings.home)
    if saved:
        journal.did(settings, "rebuild", "ostler.db", trouble, aside=str(saved.aside), **saved.rows)
    return trouble, saved


def _tell_records(settings: Settings, trouble: str, saved: Salvaged | None) -> None:
    aside = f"; set aside as {saved.aside}" if saved else ""
    show.line(f"{settings.home / 'ostler.db'} is damaged: {trouble}{aside}.")
    if saved is None:
        return
    rows = ", ".join(f"{count:,} of {name}" for name, count in saved.rows.items())
    show.line(f"  Saved: {rows}.")
    if saved.short:
        show.line(f"  Not all could be read of: {', '.join(saved.short)}.")
    if "keys" in saved.short:
        show.line("  Look at `ostler keys ls`; `ostler keys create` makes those that are missing.")
