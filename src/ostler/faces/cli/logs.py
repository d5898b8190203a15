"""`ostler logs`: an engine's own log."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import click

from ostler import wiring
from ostler.core.logscan import lines_of
from ostler.core.logtimes import HEADER
from ostler.core.sizes import seconds
from ostler.errors import UnknownModel, UsageError
from ostler.faces.cli import log_known, options, show
from ostler.settings import Settings
from ostler.verbs.scanning import offset

LOOK_EVERY = 0.2  # seconds
START = "start"


def read_pattern(
    _: click.Context, __: click.Parameter, value: str | None
) -> re.Pattern[str] | None:
    """Read a regular expression."""
    try:
        return re.compile(value) if value else None
    except re.error as error:
        raise UsageError(
            f"{value!r} is no regular expression: {error}.",
            hint="In plain words, put a backslash before . * + ? ( ) [ ] { } ^ $ and |.",
        ) from None


def read_since(_: click.Context, __: click.Parameter, value: str | None) -> str | float | None:
    """Read a time span, or the word for the latest start."""
    try:
        return value if value in (None, START) else seconds(value)
    except ValueError as error:
        raise UsageError(
            f"--since: {error}.", hint="ostler logs MODEL --since 10m, or --since start"
        ) from None


@click.command("logs")
@click.argument("model", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on as the log grows; Ctrl-C ends it.")
@click.option("--lines", "-n", type=click.IntRange(1), metavar="N", default=50, show_default=True)
@click.option(
    "--pattern", metavar="REGEX", callback=read_pattern, help="Only lines in which this is found."
)
@click.option(
    "--since", metavar="10m|start", callback=read_since,
    help="Only what was written in the last 10 minutes, or since the latest start. A line without "
    "a time counts as old as the one before it.",
)  # fmt: skip
@click.option(
    "--known", is_flag=True,
    help="What the log holds that is known to mean something, with advice. It changes no state.",
)  # fmt: skip
@options.as_json
@click.pass_obj
def command(
    settings: Settings, model: str | None, follow: bool, lines: int,
    pattern: re.Pattern[str] | None, since: str | float | None, known: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show the last lines of an engine's own log; without a model, which logs there are.

    \b
    ostler logs
    ostler logs Qwen/Qwen2.5-0.5B-Instruct-GGUF -f
    ostler logs Qwen/Qwen2.5-0.5B-Instruct-GGUF --since 10m --pattern 'error|warn'
    ostler logs Qwen/Qwen2.5-0.5B-Instruct-GGUF --known
    """
    if follow and (as_json or known):
        raise UsageError("--json and --known show a log as it is now.", hint="Leave out --follow.")
    if not model:
        _list(settings, as_json)
        return
    named = wiring.named(settings, model)
    path = wiring.log_path(settings, named.id)
    if not path.exists():
        raise UnknownModel(
            f"{model} has no log: it has never been started here.", hint="ostler logs"
        )
    if known:
        log_known.show_known(settings, named.id, path, _earliest(path, since), as_json)
        return
    if since == START:  # by its place: two starts may have had the same second
        tail = _Tail(path, pattern, whole=follow, at=_last_start(path))
        last = deque(tail.more(), lines)
    else:
        tail = _Tail(path, pattern, whole=follow)
        last = deque(tail.more(_earliest(path, since)), lines)
    if as_json:
        show.as_json({"log": path, "lines": list(last)})
        return
    for text in last:
        click.echo(text)
    while follow:
        for text in tail.more():
            click.echo(text)
        time.sleep(LOOK_EVERY)


class _Tail:
    """A log that is read on from where it was read to."""

    def __init__(
        self, path: Path, pattern: re.Pattern[str] | None, *, whole: bool, at: int = 0
    ) -> None:
        """`whole`: a line that is not finished yet is left for later. `at`: bytes passed over."""
        self._path, self._pattern, self._whole = path, pattern, whole
        self._at = at

    def more(self, earliest: float | None = None) -> Iterator[str]:
        """Yield the lines that are wanted; `earliest` is in seconds since 1970."""
        if self._path.stat().st_size < self._at:
            self._at = 0  # the log was begun anew
        for one in lines_of(self._lines(), offset()):
            if earliest is not None and (one.at is None or one.at < earliest):
                continue
            if self._pattern is None or self._pattern.search(one.text):
                yield one.text

    def _lines(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if self._whole and not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield line.decode("utf-8", "replace").rstrip("\r\n")


def _last_start(path: Path) -> int:
    """Return where in a log its last start begins, in bytes; 0 where none does."""
    begins = at = 0
    with path.open("rb") as file:
        for line in file:
            if HEADER.match(line.decode("utf-8", "replace")):
                begins = at
            at += len(line)
    return begins


def _earliest(path: Path, since: str | float | None) -> float | None:
    """Return from when on lines are wanted, in seconds since 1970."""
    if since is None:
        return None
    if since != START:
        return time.time() - float(since)
    with path.open(encoding="utf-8", errors="replace") as file:
        starts = [one.at for one in lines_of(file, offset()) if HEADER.match(one.text)]
    return starts[-1] if starts else None


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
