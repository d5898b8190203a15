"""`ostler add`: download, configuration, Compose or process, test: one command, or nothing."""

from __future__ import annotations

from pathlib import Path

import click

from ostler.core.refs import parse
from ostler.faces.cli import journal, options, show, staging, writing
from ostler.settings import Settings
from ostler.verbs import stages


@click.command("add")
@click.argument("model")
@click.option("--gpu", "gpus", multiple=True, metavar="ID",
              help="A GPU, such as 0; two mean tensor parallelism in a container.")  # fmt: skip
@click.option("--max-model-len", "--context", "context", type=options.TOKENS, metavar="N",
              help="Tokens for each sequence.")  # fmt: skip
@click.option("--max-concurrent", type=click.IntRange(1), metavar="N",
              help="Requests at once; more are answered 429.")  # fmt: skip
@click.option("--sequences", type=click.IntRange(1), metavar="N",
              help="Requests that the engine serves at the same moment.")  # fmt: skip
@click.option("--name", metavar="ALIAS", help="Another name for callers.")
@options.engine
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="A service in this Compose file, not a process of `ostler serve`.")  # fmt: skip
@click.option("--service", metavar="NAME", help="The service's name; from the model, if not said.")
@click.option("--network", metavar="NAME", help="The service's network, one that exists.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", default=8000, show_default=True,
              help="The service's port on this machine's loopback.")  # fmt: skip
@options.image
@options.engine_version
@click.option("--up", is_flag=True, help="Start the service by `docker compose`, and ask it.")
@options.endpoint
@options.dry_run
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, model: str, gpus: tuple[str, ...], context: int | None,
    max_concurrent: int | None, sequences: int | None, name: str | None, engine: str | None,
    into: Path | None, service: str | None, network: str | None, port: int, image: str | None,
    engine_version: str | None, up: bool, endpoint: str | None, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fetch MODEL, configure it, write or load it, and test it; or leave all as it was.

    The configuration goes into ostler.yaml. With --into, a Compose file of yours gets a service
    and keeps the rest to the byte. Where a step fails, those before it are taken back; weights
    that were fetched stay, they are whole. After a kill, the same command goes on.

    \b
    ostler add Qwen/Qwen2.5-7B-Instruct --gpu 0 --max-model-len 8192
    ostler add Qwen/Qwen2.5-7B-Instruct --gpu 0 --into docker-compose.yml --network llm_net
    """
    settings: Settings = ctx.obj
    parse(model)
    wish = staging.Wish(
        model, gpus, context, max_concurrent, sequences, name, engine, into, service, network, port,
        image, engine_version, up, endpoint,
    )  # fmt: skip
    plan = staging.Plan(settings, wish)
    steps = plan.stages()
    if dry_run:
        said = {"dry_run": True, "steps": [{"step": one.name, "what": one.what} for one in steps]}
        if as_json:
            show.as_json({"model": model, **said})
            return
        for number, one in enumerate(steps, 1):
            show.line(f"{number}. {one.name}: {one.what}")
        for text in plan.preview():
            show.line(text)
        show.line("Nothing was done. Leave out --dry-run to do it.")
        return
    done: list[dict[str, str]] = []

    def report(step: str, what: str) -> None:
        done.append({"step": step, "what": what})
        if not as_json:
            show.line(f"{step}: {what}")

    stages.carry_out(settings.home, writing.words(ctx), model, steps, report)
    journal.did(settings, "add", model, steps=[one["step"] for one in done])
    if as_json:
        show.as_json({"model": plan.id, "steps": done})
    else:
        show.line(f"{plan.id} is added. `ostler rm {plan.id}` is the way back.")
