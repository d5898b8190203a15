"""`ostler logs`: an engine's own log."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from ostler import wiring
from ostler.errors import UnknownModel, UsageError
from ostler.faces.cli import options, show
from ostler.settings import Settings

LOOK_EVERY = 0.2  # seconds


@click.command("logs")
@click.argument("model", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on as the log grows; Ctrl-C ends it.")
@click.option("--lines", "-n", type=click.IntRange(1), metavar="N", default=50, show_default=True)
@options.as_json
@click.pass_obj
def command(settings: Settings, model: str | None, follow: bool, lines: int, as_json: bool) -> None:
    """Show the last lines of an engine's own log; without a model, which logs there are.

    \b
    ostler logs
    ostler logs Qwen/Qwen2.5-0.5B-Instruct-GGUF -f
    """
    if as_json and follow:
        raise UsageError("--json shows a log as it is now.", hint="Leave out --follow.")
    if not model:
        _list(settings, as_json)
        return
    path = wiring.log_path(settings, wiring.named(settings, model).id)
    if not path.exists():
        raise UnknownModel(
            f"{model} has no log: it has never been started here.", hint="ostler logs"
        )
    if as_json:
        with path.open(encoding="utf-8", errors="replace") as file:
            last = [text.rstrip("\n") for text in deque(file, lines)]
        show.as_json({"log": path, "lines": last})
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in deque(file, lines):
            click.echo(text, nl=False)
        at = file.tell()
    while follow:
        at = _more(path, at)
        time.sleep(LOOK_EVERY)


def _more(path: Path, at: int) -> int:
    """Print what came after a position, and return the new one; a log may have been begun anew."""
    with path.open(encoding="utf-8", errors="replace") as file:
        file.seek(at if at <= path.stat().st_size else 0)
        for text in iter(file.readline, ""):
            click.echo(text, nl=False)
        return file.tell()


def _list(settings: Settings, as_json: bool) -> None:
    found = sorted(_engine_logs(settings.logs_dir), key=lambda path: path.stat().st_mtime)
    if as_json:
        show.as_json([{"log": path, "bytes": path.stat().st_size} for path in found])
        return
    if not found:
        show.line("No engine has been started here yet.")
    for path in found:
        show.line(f"{path.stat().st_size:>10} B  {path}")


def _engine_logs(folder: Path) -> list[Path]:
    return list(folder.glob("*.log")) if folder.is_dir() else []
