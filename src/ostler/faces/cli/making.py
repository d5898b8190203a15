"""How the command line shows models being made smaller: what there is, how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ostler.core import quantizing
from ostler.core.naming import Named
from ostler.core.sizes import counted, file_size, memory
from ostler.faces.cli import show
from ostler.nouns import Job
from ostler.ports import Source
from ostler.store import Store
from ostler.verbs.outcomes import outcomes
from ostler.verbs.ready_made import Ready, look

LOOKED_FOR = ("q4_k_m", "awq", "gptq", "fp8")  # one search each


@contextmanager
def shown(as_json: bool) -> Iterator[Callable[[Job], None]]:
    """Give a report function: JSON events, a bar where somebody watches, else a line a stage."""
    if as_json:
        yield _event
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _Lines()


def _event(job: Job) -> None:
    show.event(
        {"event": "progress", "id": job.id, "stage": job.stage, "done": job.done,
         "total": job.total, "unit": job.unit}
    )  # fmt: skip


class _Lines:
    """One line for each stage."""

    def __init__(self) -> None:
        self.stage = ""

    def __call__(self, job: Job) -> None:
        if job.stage != self.stage:
            self.stage = job.stage
            show.note(f"{job.id}: {job.stage}")


@contextmanager
def _bar() -> Iterator[Callable[[Job], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None)

        def report(job: Job) -> None:
            bars.update(bar, description=job.stage, completed=job.done, total=job.total or None)

        yield report


def show_ready(ready: Sequence[Ready], hub_error: str | None) -> None:
    """Name the repositories that have it ready-made."""
    for one in ready:
        fetched = "" if one.downloads is None else f", fetched {counted(one.downloads, 'time')}"
        size = file_size(one.size) if one.size is not None else "not looked into"
        of = f"#{one.variant}" if one.variant else ""
        show.line(f"Ready-made: ostler pull {one.name}{of}  ({size}{fetched})")
    if hub_error:
        show.line(f"Whether it is ready-made is unknown: {hub_error}")
    elif not ready:
        show.line("The hub has none ready-made, by their names.")


def show_methods(named: Named, store: Store, source: Source | None, as_json: bool) -> None:
    """Print each method with what it costs, and what is ready-made on the hub."""
    found = {
        name: look(named.manifest.name, quantizing.method(name), store, source)
        for name in LOOKED_FOR
    }
    made = outcomes(named, store)
    if as_json:
        known = {name: show.plain(ready) for name, (ready, _) in found.items()}
        show.as_json({"model": named.id, "methods": show.plain(made), "ready_made": known})
        return
    rows = [
        (one.method.name, one.method.format.value, file_size(one.size), memory(one.memory),
         one.method.loss, one.method.source)
        for one in made
    ]  # fmt: skip
    titles = ("METHOD", "FORMAT", "SIZE", "MEMORY", "LOSS (ANOTHER MODEL'S)", "SOURCE")
    show.table(titles, rows, right=(2, 3), spare=("SOURCE",))
    show.line("Sizes and memory are estimates: gguf with llama.cpp, safetensors with vLLM.")
    for name, (ready, _) in found.items():
        if ready:
            show.heading(name)
            show_ready(ready, None)
    errors = {error for _, error in found.values() if error}
    show_ready((), next(iter(errors))) if errors else None
    if not errors and not any(ready for ready, _ in found.values()):
        show_ready((), None)
