"""`ostler models`: the models known by a short name; add your own, remove them."""

from __future__ import annotations

import sys
from typing import Any

import click

from ostler.errors import UsageError
from ostler.faces.cli import asking, options, show
from ostler.settings import Settings

TASKS = ("chat", "coding", "reasoning", "vision", "completion", "embed", "rerank")
FLAGS = {
    "name": "--name", "hf_path": "--hf-path", "params": "--params",
    "quantization": "--quantization", "context": "--context",
}  # fmt: skip


@click.group("models", invoke_without_command=True)
@click.option("--task", type=click.Choice(TASKS), help="Only models for this.")
@click.option("--own", is_flag=True, help="Only those you added or changed.")
@click.option(
    "--sort", type=click.Choice(["memory", "price", "name"]), default="memory", show_default=True
)
@click.option(
    "--method",
    type=click.Choice(["architecture", "soong"]),
    default="architecture",
    show_default=True,
    help="Add up what the config says, or soong's rule of thumb.",
)
@options.context
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, task: str | None, own: bool, sort: str, method: str, context: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List the models that are known by a short name, the smallest first.

    MEMORY is for one request at a time with --context tokens (8,192 where you say nothing), from
    each model's config.json; GPU is the cheapest offer that holds it. What comes along can be
    changed by a file ID.yaml in the folder `catalogue` of your home; your changes outlive updates.

    \b
    ostler models --task coding
    ostler models info qwen2.5-coder-32b
    ostler models add --name mine --hf-path org/name --params 12 --quantization fp16 --context 8192
    """
    if ctx.invoked_subcommand:
        return
    from ostler.faces.cli import listing

    shown = listing.rows(ctx.obj, task, own, method, context)
    shown.sort(key=listing.order(sort))
    if as_json:
        show.as_json([listing.entry(row) for row in listing.with_attempts(ctx.obj, shown)])
    else:
        listing.table(shown, method)
    listing.faults(ctx.obj)


@command.command("info")
@click.argument("model")
@click.option(
    "--method", type=click.Choice(["architecture", "soong"]), default="architecture",
    show_default=True, help="Add up what the files say, or soong's rule of thumb.",
)  # fmt: skip
@options.context
@options.as_json
@click.pass_obj
def info(settings: Settings, model: str, method: str, context: int | None, as_json: bool) -> None:
    """Show a model of the catalogue: what it is for, its terms of memory, its GPU, its licence.

    What its files say wins over what was typed, and the difference is shown.

    \b
    ostler models info deepseek-r1-70b
    ostler models info deepseek-r1-70b --method soong
    """
    from ostler.faces.cli import describing

    describing.describe(settings, model, method, context, as_json)


@command.command("add")
@click.option("--name", metavar="ID", help="A short name of your own.")
@click.option("--hf-path", metavar="ORG/NAME", help="The repository.")
@click.option("--params", type=options.Number(), metavar="N", help="Parameters in billions.")
@click.option("--quantization", metavar="NAME", help="fp32, fp16, bf16, int8, int4, awq, ...")
@click.option("--context", type=int, metavar="N", help="Tokens of context, at least 512.")
@click.option("--task", "tasks", multiple=True, type=click.Choice(TASKS), help="Repeatable.")
@click.option("--licence", metavar="TAG", help="As a card names it, such as apache-2.0.")
@click.option("--good-for", multiple=True, metavar="TEXT", help="Repeatable.")
@click.option("--not-good-for", multiple=True, metavar="TEXT", help="Repeatable.")
@click.option("--notes", metavar="TEXT")
@click.option(
    "--check/--no-check", default=True, show_default=True, help="Look the repository up first."
)
@options.endpoint
@options.dry_run
@options.as_json
@click.pass_obj
def add(
    settings: Settings, /, check: bool, endpoint: str | None, dry_run: bool, as_json: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Add a model of your own to the catalogue: by flags, or by questions where you give none.

    The repository is looked up, and where its files say otherwise than you, you are told.

    \b
    ostler models add
    ostler models add --name mistral-nemo-12b --hf-path mistralai/Mistral-Nemo-Instruct-2407 \\
      --params 12 --quantization fp16 --context 128000
    """
    from ostler.faces.cli import adding

    id, said = _asked() if not any(given[name] for name in FLAGS) else _flagged(given)
    adding.add(settings, id, said | _more(given), check, endpoint, dry_run, as_json)


def _flagged(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    lacking = [flag for name, flag in FLAGS.items() if given[name] in (None, "")]
    if lacking:
        raise UsageError(
            f"When using flags, all options are required: {', '.join(FLAGS.values())}",
            hint=f"Still to be given: {', '.join(lacking)}.",
        )
    said = {
        "hf_path": given["hf_path"],
        "params_billions": given["params"],
        "quantization": given["quantization"],
        "context_length": given["context"],
    }
    return given["name"], said


def _more(given: dict[str, Any]) -> dict[str, Any]:
    names = ("tasks", "licence", "good_for", "not_good_for", "notes")
    found = {name: given[name] for name in names if given[name]}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in found.items()}


def _asked() -> tuple[str, dict[str, Any]]:
    """Ask for the five answers at a terminal."""
    from ostler.core.weighing import QUANTIZATIONS

    if not sys.stdin.isatty():
        raise UsageError(
            "There is no terminal to ask on. All options are required: "
            f"{', '.join(FLAGS.values())}",
            hint="ostler models add --help",
        )
    show.heading("Add a model of your own")
    id = click.prompt("Name")
    return id, {
        "hf_path": click.prompt("Repository, as org/name"),
        "params_billions": click.prompt("Parameters in billions", type=options.Number()),
        "quantization": click.prompt("Quantization", type=click.Choice(QUANTIZATIONS)),
        "context_length": click.prompt("Tokens of context", type=int, default=8192),
    }


@command.command("remove")
@click.argument("model")
@options.yes
@options.dry_run
@options.as_json
@click.pass_obj
def remove(settings: Settings, model: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Remove a model that you added, or your changes to one that comes along.

    Files that are kept of it stay: `ostler rm` removes those.

    \b
    ostler models remove mistral-nemo-12b --yes
    """
    from ostler.verbs import catalogue

    path = catalogue.plan_remove(settings.home, model)
    if not dry_run:
        if not yes:
            asking.confirm(
                f"Remove custom model '{model}'?", "nothing was removed",
                f"ostler models remove {model} --yes",
            )  # fmt: skip
        catalogue.remove(path)
    if as_json:
        show.as_json({"id": model, "removed": not dry_run, "file": path})
    else:
        done = "would be removed" if dry_run else "removed"
        show.line(f"Model '{model}' {done} ({path}).")
