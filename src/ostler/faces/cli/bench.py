"""`ostler bench`: how fast a model answers, measured with many requests."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from ostler import __version__, wiring
from ostler.core.benchmarking import Result, Spread, result
from ostler.core.sizes import duration
from ostler.errors import RequestFailed, UsageError
from ostler.faces.cli import options, server, show
from ostler.nouns import Task, Workload
from ostler.settings import Settings
from ostler.verbs.asking import ask
from ostler.verbs.benchmark import Load, Run, Target, run

BUSY = 0.8  # of the time: from there on the client itself may be what is measured
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
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N",
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
        _list(settings, model, as_json)
        return
    lines = concurrency if concurrency or rate else 1
    load = Load(requests, lines, rate, poisson, prompt_tokens, output_tokens, warmup)
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    target, ran = asyncio.run(_measured(settings, model, url, task, engine, context, load, as_json))
    found = result(ran.timings)
    entry = _entry(target, load, found, ran, began, url)
    place = wiring.benchmarks(settings).add(began, target.model, entry)
    if as_json:
        show.as_json({**entry, "file": str(place)})
    else:
        _show(target, load, found, ran, str(place))
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
            found.host, found.port, named.id, key=found.key, tls=server.tls_of(found),
            task=facts.task or Task.CHAT, chat_template=facts.chat_template,
        )  # fmt: skip
        return target, await run(target, load, report)
    from ostler.launchers.ports import free_port, of_home
    from ostler.verbs.hold import HOST, held
    from ostler.verbs.prepare import prepare

    machine = wiring.machine(settings, remembers=False)
    most = min(load.concurrency or load.requests, 64)
    tokens = context or settings.context or load.prompt_tokens + load.output_tokens + 64
    workload = Workload(tokens, most, threads=settings.threads)
    ready = prepare(named, wiring.store(settings), machine, workload, engine)
    port = free_port(HOST, of_home(settings.engine_ports, settings.home))
    log = str(wiring.log_path(settings, named.id))
    async with held(ready, wiring.launcher(), port, log) as (_, at):
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


def _entry(
    target: Target, load: Load, found: Result, ran: Run, began: str, url: str | None
) -> dict[str, Any]:
    return {
        "model": target.model, "task": target.task.value,
        "url": url or f"http://{target.host}:{target.port}{target.prefix}", "at": began,
        "tool": f"ostler {__version__}", "load": asdict(load), "result": asdict(found),
        "client_busy": ran.busy / found.seconds if found.seconds else None,
        "notes": list(ran.notes),
    }  # fmt: skip


def _show(target: Target, load: Load, found: Result, ran: Run, place: str) -> None:
    show.heading(f"{target.model}: {found.requests - found.failed} of {found.requests} answered")
    rows = [("requests", f"{found.requests_per_second:.2f} a second, in {duration(found.seconds)}")]
    if found.output_tokens_per_second:
        rows.append(("output", f"{found.output_tokens_per_second:.1f} tokens a second"))
    if found.tokens_per_second:
        rows.append(("prompt and output", f"{found.tokens_per_second:.1f} tokens a second"))
    good = found.requests - found.failed
    if found.prompt_tokens and found.output_tokens is not None and good:
        each = f"{found.prompt_tokens / good:.0f} in, {found.output_tokens / good:.0f} out"
        rows.append(("tokens of a request", each))
    show.pairs(rows)
    spreads = [
        ("latency", found.latency), ("first token", found.first_token),
        ("between tokens", found.between_tokens), ("per token", found.per_token),
        ("sent late", found.waited if load.rate else None),
    ]  # fmt: skip
    table = [(name, *_milliseconds(one)) for name, one in spreads if one]
    if table:
        titles = ("MILLISECONDS", "MEAN", "P50", "P90", "P95", "P99", "LEAST", "MOST")
        show.table(titles, table, right=range(1, 8))
    for error, count in found.errors:
        show.line(f"Failed {count} times: {error}")
    for note in ran.notes:
        show.line(f"Note: {note}.")
    if found.seconds and ran.busy / found.seconds > BUSY:
        share = ran.busy / found.seconds
        show.line(f"Note: this client was busy {share:.0%} of the time; the server may be faster.")
    show.line(f"Kept in {place}")


def _milliseconds(one: Spread) -> tuple[str, ...]:
    values = (one.mean, one.p50, one.p90, one.p95, one.p99, one.least, one.most)
    return tuple(f"{value * 1000:.1f}" for value in values)


def _list(settings: Settings, model: str | None, as_json: bool) -> None:
    known = [
        one for one in wiring.benchmarks(settings).all() if model is None or model in one["model"]
    ]
    if as_json:
        show.as_json(known)
        return
    if not known:
        show.line("No result is kept here.")
        return
    rows = []
    for one in known:
        said, load = one["result"], one["load"]
        lines = f"{load['rate']}/s" if load["rate"] else f"{load['concurrency']} at once"
        rate, first = said["output_tokens_per_second"], said["first_token"]
        rows.append((
            one["at"], one["model"], str(said["requests"]), lines, str(said["failed"]),
            f"{said['requests_per_second']:.2f}", f"{rate:.1f}" if rate else "",
            f"{first['p50'] * 1000:.1f}" if first else "",
        ))  # fmt: skip
    titles = ("AT", "MODEL", "REQUESTS", "LOAD", "FAILED", "PER SECOND", "TOKENS/S", "FIRST MS")
    show.table(titles, rows, right=(2, 4, 5, 6, 7), shrink=1)
