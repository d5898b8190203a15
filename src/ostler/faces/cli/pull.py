"""`ostler pull`: fetch a model, prove every byte, keep it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import click

from ostler import wiring
from ostler.core.pace import amount
from ostler.core.refs import parse
from ostler.faces.cli import (
    journal,
    mend,
    options,
    permitted,
    progress,
    pull_list,
    pull_shown,
    show,
    terms,
)
from ostler.faces.cli.facts import naming_near
from ostler.faces.cli.waiting import waiting
from ostler.nouns import Manifest, ModelRef, PullPlan
from ostler.ports import Source
from ostler.settings import Settings
from ostler.verbs import pull
from ostler.verbs.inspect import check_header
from ostler.verbs.progress import Progress, Step
from ostler.verbs.room import Limits

WAIT_FOR_ROOM = 15 * 60.0  # seconds; long enough for somebody to make room on a full disk
NOT_AGAIN = ("repair", "dry_run", "offline", "as_json", "quiet")  # no part of what is pulled
PLATFORMS = ("cpu", "nvidia", "amd", "apple")


@click.command("pull")
@click.argument("model", required=False)
@click.option("--from-file", "-f", "listed", metavar="FILE", help="Every model that FILE names.")
@click.option("--quant", metavar="NAME", help="The quantization, for example q4_k_m.")
@click.option(
    "--quant-fallback",
    "fallback",
    type=click.Choice(["none", "down"]),
    default="none",
    show_default=True,
    help="Where it is missing: fail, or take the next smaller one.",
)
@click.option("--revision", metavar="NAME", help="A branch, tag or commit.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option("--all", "everything", is_flag=True, help="Every file, all formats.")
@click.option("--platform", type=click.Choice(PLATFORMS), help="Choose the format for this.")
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", help="Files at once. [OSTLER_WORKERS; 4]"
)
@click.option("--max-speed", metavar="RATE", help="At most so fast, for example 2MB/s.")
@click.option("--reserve", metavar="SIZE", help="Leave so much of the disk free, such as 5GB.")
@click.option("--repair", is_flag=True, help="Prove what is kept of it too; mend what is damaged.")
@click.option("--accept-licence", is_flag=True, help="Accept its licence, on record.")
@options.endpoint
@options.offline
@options.dry_run
@options.as_json
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.pass_obj
def command(
    settings: Settings, model: str | None, listed: str | None, quant: str | None,
    fallback: str, revision: str | None,
    include: tuple[str, ...], exclude: tuple[str, ...], everything: bool, platform: str | None,
    workers: int | None, max_speed: str | None, reserve: str | None, repair: bool,
    accept_licence: bool,
    endpoint: str | None, offline: bool, dry_run: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Fetch MODEL, prove every byte against the hub's hashes, and keep it.

    MODEL is org/name, with @revision and #quantization if you like. A pull that was broken off
    goes on where it stopped. Several endpoints, by commas, are mirrors tried in order.

    \b
    ostler pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m
    ostler pull Qwen/Qwen2.5-0.5B-Instruct --dry-run
    ostler pull Qwen/Qwen2.5-0.5B-Instruct --include '*.json'
    ostler pull Qwen/Qwen2.5-0.5B-Instruct --max-speed 2MB/s
    ostler pull -f models.txt
    ostler pull folder:./models/mine
    """
    if listed or model is None:
        pull_list.each(click.get_current_context(), model, listed)
        return
    ref = _with_revision(parse(model), revision)
    if offline and ref.source != "folder":
        _kept_only(settings, ref, quant, as_json, quiet)
        return
    settings = replace(
        settings, max_speed=max_speed or settings.max_speed, reserve=reserve or settings.reserve,
        workers=workers or settings.workers,
    )  # fmt: skip
    wanted = pull.Options(quant, fallback, include, exclude, everything, platform)
    permitted.source(settings, ref, endpoint)
    source = wiring.source(settings, endpoint, ref)
    how = progress.kind(as_json, quiet)
    store = wiring.store(settings)
    if repair and not dry_run:
        mend.kept(ref, source, store, how)
    with nullcontext() if dry_run else journal.planning(settings, ref.name):
        with waiting("Asking the hub"), naming_near(settings, ref.name):
            planned = pull.plan(ref, source, store, wanted)
        plan = permitted.plan(settings, planned)
    plan = terms.held(settings, plan, source, accept_licence, dry_run)
    pull_shown.plan_of(plan, store, limits(settings), how, dry_run)
    if not dry_run:
        origin = wiring.origin(settings, ref, endpoint)
        manifest = _carry_out(settings, plan, source, how, origin, _words())
        if accept_licence:
            terms.keep_texts(settings, manifest)


def fetch(
    settings: Settings, ref: ModelRef, source: Source, *, quiet: bool,
    judge: Callable[[PullPlan], None] = lambda plan: None,
) -> Manifest:  # fmt: skip
    """Fetch a model for another command, which chose nothing but its name.

    `judge` is asked before its weights are: it raises what is against using them.
    """
    how = progress.kind(False, quiet)
    store = wiring.store(settings)
    permitted.source(settings, ref, None)
    with waiting("Asking the hub"), naming_near(settings, ref.name):
        planned = pull.plan(ref, source, store, pull.Options())
    plan = permitted.plan(settings, planned)
    plan = terms.held(settings, plan, source, accepted=False, dry_run=False)
    judge(plan)
    pull_shown.plan_of(plan, store, limits(settings), how, dry_run=False)
    return _carry_out(settings, plan, source, how, wiring.origin(settings, ref), (str(ref),))


def limits(settings: Settings) -> Limits:
    """Read what a pull may take. Raises UsageError."""
    return Limits(
        amount(settings.max_speed, "--max-speed"),
        amount(settings.reserve, "--reserve", least=0),
        amount(settings.budget, "OSTLER_BUDGET"),
        WAIT_FOR_ROOM,
    )


def _words() -> tuple[str, ...]:
    """Return what this command was given, so that `ostler downloads resume` gives it again."""
    context = click.get_current_context()
    words: list[str] = []
    for option in context.command.params:
        value = context.params[option.name or ""]
        if isinstance(option, click.Argument):
            words.append(str(value))
        elif isinstance(option, click.Option) and value and option.name not in NOT_AGAIN:
            for one in value if isinstance(value, tuple) else (value,):
                words += [option.opts[0]] if option.is_flag else [option.opts[0], str(one)]
    return tuple(words)


def _with_revision(ref: ModelRef, revision: str | None) -> ModelRef:
    return ref if revision is None else parse(str(replace(ref, revision=revision)))


def _kept_only(
    settings: Settings, ref: ModelRef, quant: str | None, as_json: bool, quiet: bool
) -> None:
    """Without a network a pull can only say whether the model is here."""
    from ostler.verbs.offline import kept

    manifest = kept(ref, wiring.store(settings), quant)
    if as_json:
        done = {"name": manifest.name, "commit": manifest.commit, "fetched_bytes": 0}
        show.event({"event": "done", **done, "offline": True})
    elif not quiet:
        show.line(f"{manifest.name} is here, at {manifest.commit[:12]}. No hub was asked.")


def _carry_out(
    settings: Settings, plan: PullPlan, source: Source, how: str, origin: str,
    words: tuple[str, ...],
) -> Manifest:  # fmt: skip
    began = time.monotonic()
    resumed: dict[str, int] = {}  # bytes that an earlier pull had left
    name = f"{plan.listing.name}{pull_shown.choice(plan)}"
    with (
        journal.downloading(settings, name, anything=bool(plan.fetch)) as tried,
        progress.shown(how, f"Fetching {plan.listing.name}") as show_event,
    ):

        def report(event: Progress) -> None:
            if event.step in (Step.RESUMED, Step.RESTARTED):
                resumed[event.path] = event.done
            show_event(event)

        manifest = pull.carry_out(
            plan,
            source,
            wiring.store(settings),
            workers=settings.workers,
            report=report,
            check=check_header,
            origin=origin,
            limits=limits(settings),
            words=words,
        )
        tried.fetched = fetched = plan.fetch_bytes - sum(resumed.values())
    pull_shown.end_of(plan, manifest, how, fetched, time.monotonic() - began)
    return manifest
