"""`ostler bench`: how fast a model answers, measured with many requests."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from ostler import wiring
from ostler.core.benchmarking import result
from ostler.core.sizes import counted
from ostler.errors import RequestFailed, UsageError
from ostler.faces.cli import options, server, show
from ostler.faces.cli.benching import entry, show_run, show_saved
from ostler.faces.cli.waiting import waiting
from ostler.faces.server.address import tls_of
from ostler.nouns import Task, Workload
from ostler.settings import Settings
from ostler.verbs.asking import ask
from ostler.verbs.benchmark import Load, Run, run
from ostler.verbs.sending import Target

LONGEST = 86_400.0  # seconds that requests are spread over
KEY = "OPENAI_API_KEY"  # the environment's name of the key for --url, as OpenAI's client has it


@click.command("bench")
@click.argument("model", required=False)
@click.option("--url", metavar="URL", help=f"Any OpenAI-compatible address. [key: {KEY}]")
@click.option("--requests", type=click.IntRange(1), default=20, show_default=True, metavar="N")
@click.option(
    "--concurrency", type=click.IntRange(1), metavar="N",
    help="Requests on their way at once.  [default: 1; with --rate: no limit]",
)  # fmt: skip
@click.option(
    "--rate", type=options.Number(0, min_open=True), metavar="N",
    help="Requests a second, sent when they are due, however the others stand.",
)  # fmt: skip
@click.option("--poisson", is_flag=True, help="With --rate: at random moments, as callers come.")
@click.option(
    "--prompt-tokens", type=click.IntRange(1), default=128, show_default=True, metavar="N"
)
@click.option("--output-tokens", type=click.IntRange(1), default=64, show_default=True, metavar="N")
@click.option("--warmup", type=click.IntRange(0), default=1, show_default=True, metavar="N",
              help="Requests before the first that counts.")  # fmt: skip
@click.option("--task", type=click.Choice([*Task]), help="With --url.  [default: chat]")
@click.option("--saved", is_flag=True, help="List the results of earlier runs, and run nothing.")
@options.engine
@options.context
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, url: str | None, requests: int,
    concurrency: int | None, rate: float | None, poisson: bool, prompt_tokens: int,
    output_tokens: int, warmup: int, task: str | None, saved: bool, engine: str | None,
    context: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Send MODEL many requests and show throughput, time to the first token, percentiles, errors.

    Through the server where one runs, else with an engine of its own; with --url against any
    OpenAI-compatible server. Each prompt begins differently, so that no cache answers. Every
    latency counts from when the request was due: with --rate, a stall of the server is seen in
    all the requests that it made late. The result is kept; --saved lists all.

    \b
    ostler bench Qwen/Qwen2.5-0.5B-Instruct-GGUF --requests 50 --concurrency 8
    ostler bench Qwen/Qwen2.5-0.5B-Instruct-GGUF --rate 5 --poisson --requests 100
    ostler bench some-model --url http://10.0.0.7:8000/v1
    """
    if saved:
        show_saved(settings, model, as_json)
        return
    if rate and (requests - 1) / rate > LONGEST:
        raise UsageError(
            f"{counted(requests, 'request')} at {rate:g} a second take longer than a day.",
            hint="Give --rate more, or --requests less.",
        )
    lines = concurrency if concurrency or rate else 1
    load = Load(requests, lines, rate, poisson, prompt_tokens, output_tokens, warmup)
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    target, ran = asyncio.run(_measured(settings, model, url, task, engine, context, load, as_json))
    found = result(ran.timings)
    said = entry(target, load, found, ran, began, url)
    place = wiring.benchmarks(settings).add(began, target.model, said)
    if as_json:
        show.as_json({**said, "file": str(place)})
    else:
        show_run(target, load, found, ran, str(place))
    if found.failed:
        raise SystemExit(RequestFailed.exit_code)


async def _measured(
    settings: Settings, model: str | None, url: str | None, task: str | None, engine: str | None,
    context: int | None, load: Load, quiet: bool,
) -> tuple[Target, Run]:  # fmt: skip
    def report(done: int, of: int) -> None:
        if not quiet and done % max(1, of // 10) == 0:
            show.note(f"{done} of {of}")

    if url:
        target = await _elsewhere(url, model, Task(task or Task.CHAT))
        return target, await run(target, load, report)
    if model is None:
        raise UsageError("Name a model, or --url.", hint="ostler bench --help")
    named = wiring.named(settings, model)
    found = server.running(settings)
    if found and not (engine or context):
        from ostler.verbs.inspect import kept_facts

        facts = kept_facts(wiring.store(settings), named.manifest, named.variant)
        target = Target(
            found.host, found.port, named.id, key=found.key, tls=tls_of(found),
            task=facts.task or Task.CHAT, chat_template=facts.chat_template,
        )  # fmt: skip
        return target, await run(target, load, report)
    from ostler.verbs.hold import held
    from ostler.verbs.prepare import prepare

    machine = wiring.machine(settings, remembers=False)
    most = min(load.concurrency or load.requests, 64)
    tokens = context or settings.context or load.prompt_tokens + load.output_tokens + 64
    workload = Workload(tokens, most, threads=settings.threads, for_all=not context)
    ready = prepare(named, wiring.store(settings), machine, workload, engine)
    port = wiring.engine_port(settings)
    log = str(wiring.log_path(settings, named.id))
    async with AsyncExitStack() as life:
        with waiting(f"Starting {ready.choice.engine}"):
            _, at = await life.enter_async_context(held(ready, wiring.launcher(), port, log))
        facts = ready.served.facts
        target = Target(
            at.host, at.port, at.model, task=ready.served.task, chat_template=facts.chat_template
        )
        return target, await run(target, load, report)


async def _elsewhere(url: str, model: str | None, task: Task) -> Target:
    """Read the address, and ask which model it serves where none is named."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(
            f"{url!r} is no address of a server.",
            hint=f"For example --url http://127.0.0.1:8000/v1; a key goes into {KEY}.",
        )
    tls = None
    if parts.scheme == "https":
        import ssl

        tls = ssl.create_default_context()
    try:
        port = parts.port or (443 if tls else 80)
    except ValueError:
        raise UsageError(f"{url!r} has no port that can be.") from None
    prefix = parts.path.rstrip("/") or "/v1"
    target = Target(parts.hostname, port, model or "", prefix, os.environ.get(KEY, ""), tls, task)
    return target if model else Target(**{**_fields(target), "model": await _first_model(target)})


def _fields(target: Target) -> dict[str, Any]:
    return {name: getattr(target, name) for name in Target.__slots__}


async def _first_model(target: Target) -> str:
    try:
        answer = await ask(
            target.host, target.port, "GET", f"{target.prefix}/models",
            headers=target.headers, tls=target.tls,
        )  # fmt: skip
    except OSError as error:
        raise RequestFailed(
            f"{target.host}:{target.port} does not answer: {error or type(error).__name__}.",
            hint="Look at the address; --url takes the part before /chat/completions.",
        ) from None
    said = answer.json()
    listed = said.get("data") if isinstance(said, dict) else None
    names = [str(one["id"]) for one in listed or () if isinstance(one, dict) and "id" in one]
    if answer.status != 200 or not names:
        raise RequestFailed(
            f"{target.prefix}/models answered {answer.status} and lists no model.",
            hint="Name the model: ostler bench MODEL --url URL",
        )
    return names[0]
