"""`ostler logs`: an engine's own log."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from ostler import wiring
from ostler.errors import UnknownModel
from ostler.faces.cli import show
from ostler.settings import Settings

LOOK_EVERY = 0.2  # seconds


@click.command("logs")
@click.argument("model", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on as the log grows; Ctrl-C ends it.")
@click.option("--lines", "-n", type=click.IntRange(1), metavar="N", default=50, show_default=True)
@click.pass_obj
def command(settings: Settings, model: str | None, follow: bool, lines: int) -> None:
    """Show the last lines of an engine's own log; without a model, which logs there are.

    \b
    ostler logs
    ostler logs Qwen/Qwen2.5-0.5B-Instruct-GGUF -f
    """
    if not model:
        _list(settings)
        return
    path = wiring.log_path(settings, wiring.named(settings, model).id)
    if not path.exists():
        raise UnknownModel(
            f"{model} has no log: it has never been started here.", hint="ostler logs"
        )
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


def _list(settings: Settings) -> None:
    found = sorted(_engine_logs(settings.logs_dir), key=lambda path: path.stat().st_mtime)
    if not found:
        show.line("No engine has been started here yet.")
    for path in found:
        show.line(f"{path.stat().st_size:>10} B  {path}")


def _engine_logs(folder: Path) -> list[Path]:
    return list(folder.glob("*.log")) if folder.is_dir() else []
