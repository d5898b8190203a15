"""How the command line shows bytes on their way: bars, plain lines, or JSON events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ostler.core.sizes import file_size
from ostler.faces.cli import show
from ostler.verbs.progress import Progress, Report, Step, silent


@contextmanager
def shown(how: str, doing: str) -> Iterator[Report]:
    """Give a report function; `how` is "bars", "lines", "json" or "none"."""
    if how == "bars":
        with _bars(doing) as report:
            yield report
    else:
        yield {"lines": _line, "json": _event, "none": silent}[how]


def kind(as_json: bool, quiet: bool) -> str:
    """Choose how to show progress: bars only where somebody watches."""
    if as_json:
        return "json"
    if quiet:
        return "none"
    return "bars" if sys.stderr.isatty() else "lines"


def _event(event: Progress) -> None:
    names = {Step.DONE: "file_done", Step.STARTED: "file_started", Step.RESUMED: "file_resumed"}
    name = names.get(event.step, event.step.value)
    show.event(
        {
            "event": name,
            "path": event.path or None,
            "done_bytes": event.done,
            "bytes": event.size,
            "total_done_bytes": event.total_done,
            "total_bytes": event.total_size,
            "note": event.note or None,
        }
    )


def _line(event: Progress) -> None:
    """One line for each thing worth a line; progress within a file is none."""
    if event.step is Step.DONE:
        show.note(f"  {event.path}  {file_size(event.size)}")
    elif event.step is Step.RESUMED:
        show.note(f"  {event.path}  goes on at {file_size(event.done)}")
    elif event.note:
        show.note(f"  {event.path or 'waiting'}: {event.note}")


@contextmanager
def _bars(doing: str) -> Iterator[Report]:
    """One bar for all, one for each file under way; a finished file's bar goes."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", table_column=None),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        overall = bars.add_task(doing, total=None)
        files: dict[str, TaskID] = {}

        def report(event: Progress) -> None:
            bars.update(overall, completed=event.total_done, total=event.total_size)
            if not event.path:
                bars.update(overall, description=event.note or doing)
                return
            if event.path not in files:
                files[event.path] = bars.add_task(_short(event.path), total=event.size)
            bars.update(files[event.path], completed=event.done)
            if event.step is Step.DONE:
                bars.remove_task(files.pop(event.path))
            elif event.note:
                bars.console.print(f"{event.path}: {event.note}", markup=False)

        yield report


def _short(path: str) -> str:
    name = path.rpartition("/")[2]
    return name if len(name) <= 40 else f"{name[:18]}…{name[-21:]}"
