"""`ostler jobs`: work on kept models that takes a while, from any terminal."""

from __future__ import annotations

import time

import click

from ostler import wiring
from ostler.core.sizes import duration
from ostler.faces.cli import options, show
from ostler.nouns import Job
from ostler.settings import Settings


@click.group("jobs", invoke_without_command=True)
@options.as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show the jobs that run, such as `ostler quantize`, and those that were killed.

    \b
    ostler jobs
    ostler jobs cancel 1f0c2a9b
    """
    if context.invoked_subcommand:
        return
    known = wiring.store(context.obj).jobs.all()
    if as_json:
        show.as_json(known)
    elif not known:
        show.line("No job runs.")
    else:
        titles = ("ID", "JOB", "MODEL", "RESULT", "STAGE", "DONE", "FOR", "WHERE")
        show.table(titles, [_row(one) for one in known], right=(5, 6), spare=("WHERE", "RESULT"))


@command.command("cancel")
@click.argument("id")
@options.as_json
@click.pass_obj
def cancel(settings: Settings, id: str, as_json: bool) -> None:
    """End a job and remove what it has written; nothing of it is kept.

    \b
    ostler jobs cancel 1f0c2a9b
    """
    job = wiring.store(settings).jobs.cancel(id)
    if as_json:
        show.as_json({"id": job.id, "model": job.model, "ended": job.running})
    else:
        what = "ended" if job.running else "had been killed; what it left is removed"
        show.line(f"{job.id} {job.kind} {job.model}: {what}.")


def _row(one: Job) -> tuple[str, ...]:
    share = f"{one.done / one.total:.0%}" if one.total else ""
    stage = one.stage if one.running else "killed"
    took = duration(time.time() - one.began) if one.running else ""
    where = f"{one.host}:{one.pid}"
    return (one.id, one.kind, one.model, one.result, stage, share, took, where)
