"""`ostler jobs`: work on models that takes a while, from any terminal."""

from __future__ import annotations

import time

import click

from ostler.core.sizes import duration
from ostler.faces.cli import jobs_listed, options, show
from ostler.faces.cli.jobs_listed import Listed
from ostler.settings import Settings


@click.group("jobs", invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also what the server's work came to.")
@options.as_json
@click.pass_context
def command(context: click.Context, everything: bool, as_json: bool) -> None:
    """Show the jobs that run, and those that were killed: this machine's and the server's.

    Jobs are such as `ostler quantize`, and what a running server was asked for over its API or in
    the dashboard: pulls, verifications, repairs, archives, quantizations. Downloads of other
    terminals are in `ostler downloads`.

    \b
    ostler jobs
    ostler jobs --all
    ostler jobs cancel 1f0c2a9b
    """
    if context.invoked_subcommand:
        return
    every = jobs_listed.listed(context.obj)
    known = every if everything else list(jobs_listed.alive(every))
    if as_json:
        show.as_json(known)
    elif not known:
        show.line("No job runs.")
    else:
        titles = ("ID", "JOB", "MODEL", "RESULT", "STAGE", "DONE", "FOR", "WHERE")
        show.table(titles, [_row(one) for one in known], right=(5, 6), spare=("WHERE", "RESULT"))
        for one in known:
            if one.state == "failed":
                show.line(f"{one.id}: {one.note}")


@command.command("cancel")
@click.argument("id")
@options.as_json
@click.pass_obj
def cancel(settings: Settings, id: str, as_json: bool) -> None:
    """End a job and remove what it has written; nothing of it is kept.

    A pull keeps the bytes that came, and the next one goes on with them.

    \b
    ostler jobs cancel 1f0c2a9b
    ostler jobs cancel Qwen/Qwen2.5-0.5B-Instruct-GGUF
    """
    job = jobs_listed.cancel(settings, id)
    if as_json:
        show.as_json({"id": job.id, "model": job.model, "ended": job.running})
    else:
        what = "ended" if job.running else "had been killed; what it left is removed"
        name = job.id if job.id == job.model else f"{job.id} {job.kind} {job.model}"
        show.line(f"{name}: {what}.")


def _row(one: Listed) -> tuple[str, ...]:
    share = f"{one.done / one.total:.0%}" if one.total else ""
    stage = one.stage or one.state if one.state == "running" else one.state
    took = duration((one.ended or time.time()) - one.began) if one.state != "killed" else ""
    where = f"{one.host}:{one.pid}"
    return (one.id, one.kind, one.model, one.result, stage, share, took, where)
