"""`ostler guide`: for a use and a platform, which repository to take."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.core.sizes import counted
from ostler.faces.cli import options, show
from ostler.settings import Settings

SIZES = ("small", "medium", "large", "very large")


@click.group("guide", invoke_without_command=True)
@click.option("--use-case", "use", metavar="NAME", help="Such as coding, chat, embed.")
@click.option("--platform", type=click.Choice(["cpu", "nvidia", "amd", "apple"]))
@click.option("--size", type=click.Choice(SIZES), help="By parameters: under 4, 15, 80 B, more.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, use: str | None, platform: str | None, size: str | None, as_json: bool
) -> None:
    """List which repository to take of each model of the catalogue, on which platform.

    MEMORY is for one request at a time with 8,192 tokens. Repositories that others made are named
    from general knowledge: `ostler files REPO` shows whether one is there.

    \b
    ostler guide --use-case coding --platform cpu
    ostler guide import guide.json
    """
    if ctx.invoked_subcommand:
        return
    from ostler.core.guide import select
    from ostler.core.sizes import memory
    from ostler.verbs import guiding

    found = select(guiding.advice(ctx.obj.home), use, platform, size)
    if as_json:
        show.as_json(found)
        return
    if not found:
        show.line("Nothing of that kind is in the guide.")
        return
    show.table(
        ("MODEL", "FOR", "ON", "SIZE", "MEMORY", "TAKE"),
        [
            (
                one.model,
                ", ".join(one.uses),
                one.platform,
                one.size,
                memory(one.memory),
                one.take,
            )
            for one in found
        ],
        right=(4,),
        spare=("SIZE", "FOR"),
    )
    show.line("Take one: ostler pull REPO. Which GPU for it: ostler recommend MODEL.")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Instead of all that was imported before.")
@options.dry_run
@options.as_json
@click.pass_obj
def import_(settings: Settings, file: Path, replace: bool, dry_run: bool, as_json: bool) -> None:
    """Read a guide that others wrote, as JSON, and put it in front of the catalogue's.

    It is a list of models with `name`, `use_case` and `variants`; each variant has `platform`,
    `variant_repo` and, if known, `variant_type`, `recommended_file`, `minimum_vram` in GB.

    \b
    ostler guide import guide.json --replace
    """
    from ostler.verbs import guiding

    planned = guiding.plan_import(file)
    if not dry_run:
        guiding.carry_out(settings.home, planned, replace)
    if as_json:
        show.as_json({"imported": not dry_run, "entries": planned})
    else:
        done = "would be imported" if dry_run else "imported"
        show.line(f"{counted(len(planned), 'entry', 'entries')} {done} from {file}.")
