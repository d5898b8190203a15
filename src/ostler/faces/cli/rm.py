"""`ostler rm`: remove a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostler import wiring
from ostler.core.refs import parse
from ostler.core.sizes import counted, file_size
from ostler.errors import UsageError
from ostler.faces.cli import asking, journal, options, show
from ostler.faces.cli.loaded import loaded
from ostler.nouns import Removal
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.faces.cli.retiring import Retirement


@click.command("rm")
@click.argument("model")
@click.option("--purge", is_flag=True, help="At once, past the trash: it cannot be undone.")
@click.option("--keep", is_flag=True, help="Keep the weights: only stop serving it.")
@click.option("--force", is_flag=True, help="Even while the server has it loaded; stop it.")
@options.dry_run
@options.yes
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str, purge: bool, keep: bool, force: bool, dry_run: bool,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Remove a model, or one quantization of it.

    Its weights go to the trash, and `ostler undo` brings them back, for OSTLER_TRASH_DAYS days (7).
    Bytes that other models share stay. With it go what ostler.yaml says of it, and the services
    and files that Ostler wrote for it; a copy is kept of each file. A model that the server has
    loaded is refused, or with --force stopped. Without a terminal, --yes is needed.

    \b
    ostler rm Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m
    ostler rm Qwen/Qwen2.5-0.5B-Instruct-GGUF --purge --dry-run
    ostler rm Qwen/Qwen2.5-0.5B-Instruct-GGUF --keep
    """
    from ostler.faces.cli import retiring
    from ostler.verbs import remove

    if keep and purge:
        raise UsageError("--keep keeps the weights, --purge does away with them.", hint="Take one.")
    store = wiring.store(settings)
    removals = remove.plan(parse(model), store, () if force else loaded(settings))
    retired = retiring.plan(settings, removals)
    if not as_json:
        for removal in removals if not keep else ():
            _show(removal, purge)
        retiring.shown(retired)
    if dry_run:
        if as_json:
            show.as_json(_entries(removals, removed=False) | _files(retired, keep))
        return
    if not yes:
        asking.confirm("Remove it?", "nothing was removed", f"ostler rm {model} --yes")
    copies = retiring.carry_out(settings, retired, force=force)
    freed = (
        0 if keep else remove.carry_out(removals, store, purge=purge, wishes=retired.wishes_taken)
    )
    for one in removals:
        part = "" if one.remaining is None else f" ({counted(len(one.files), 'file')} of it)"
        act = "retire" if keep else "rm"
        journal.did(settings, act, f"{one.manifest.name}{part}", commit=one.manifest.commit)
    if as_json:
        done = _entries(removals, removed=True) | _files(retired, keep)
        show.as_json({**done, "freed_bytes": freed, "purged": purge, "copies": copies})
        return
    for path in copies:
        show.note(f"The file as it was: {path}")
    if keep:
        show.line("No longer served; its weights stay.")
    elif purge:
        show.line(f"Removed. {file_size(freed)} freed.")
    else:
        days = counted(settings.trash_days, "day")
        show.line(f"Removed. `ostler undo` brings it back, for {days}; then gc frees it.")


def _show(removal: Removal, purge: bool) -> None:
    what = "all of it" if removal.remaining is None else "a part of it"
    show.line(f"{removal.manifest.name} at {removal.manifest.commit[:12]}: {what} goes.")
    for file in removal.files:
        stays = "  (its bytes stay: another model shares them)" * (file.sha256 in removal.shared)
        show.line(f"  {file.path}  {file_size(file.size)}{stays}")
    when = "" if purge else ", once the trash is emptied"
    show.line(f"This frees {file_size(removal.freed_bytes)}{when}.")


def _files(retired: Retirement, keep: bool) -> dict[str, object]:
    return {"weights": not keep, "files": [str(one.path) for one in retired.changes]}


def _entries(removals: tuple[Removal, ...], removed: bool) -> dict[str, object]:
    return {
        "removed": removed,
        "freed_bytes": sum(removal.freed_bytes for removal in removals),
        "models": [
            {
                "name": removal.manifest.name,
                "commit": removal.manifest.commit,
                "files": [file.path for file in removal.files],
                "whole": removal.remaining is None,
            }
            for removal in removals
        ],
    }
