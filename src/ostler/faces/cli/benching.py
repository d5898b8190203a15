"""How the command line shows, and keeps, what `ostler bench` measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ostler import wiring
from ostler.core.benchmarking import Result, Spread
from ostler.core.sizes import counted, duration
from ostler.faces.cli import show
from ostler.settings import Settings
from ostler.verbs.benchmark import Load, Run
from ostler.verbs.sending import Target
from ostler.version import __version__

SPARE = ("LOAD", "REQUESTS", "FIRST MS", "FAILED")  # of what is kept, where the room is too little
BUSY = 0.8  # of the time: from there on the client itself may be what is measured


def entry(
    target: Target, load: Load, found: Result, ran: Run, began: str, url: str | None
) -> dict[str, Any]:
    """Return a result as it is kept and as `--json` has it."""
    return {
        "model": target.model, "task": target.task.value,
        "url": url or f"http://{target.host}:{target.port}{target.prefix}", "at": began,
        "tool": f"ostler {__version__}", "load": asdict(load), "result": asdict(found),
        "client_busy": ran.busy / found.seconds if found.seconds else None,
        "notes": list(ran.notes),
    }  # fmt: skip


def show_run(target: Target, load: Load, found: Result, ran: Run, place: str) -> None:
    """Print a result."""
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
        show.table(titles, table, right=range(1, 8), spare=("LEAST", "P90", "MEAN", "MOST"))
    for error, count in found.errors:
        show.line(f"Failed {counted(count, 'time')}: {error}")
    for note in ran.notes:
        show.line(f"Note: {note}.")
    if found.seconds and ran.busy / found.seconds > BUSY:
        share = ran.busy / found.seconds
        show.line(f"Note: this client was busy {share:.0%} of the time; the server may be faster.")
    show.line(f"Kept in {place}")


def _milliseconds(one: Spread) -> tuple[str, ...]:
    values = (one.mean, one.p50, one.p90, one.p95, one.p99, one.least, one.most)
    return tuple(f"{value * 1000:.1f}" for value in values)


def show_saved(settings: Settings, model: str | None, as_json: bool) -> None:
    """Print the results that are kept, of one model or of all."""
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
    show.table(titles, rows, right=(2, 4, 5, 6, 7), spare=SPARE)
