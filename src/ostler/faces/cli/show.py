"""How the command line prints: sentences, tables that fit the width, errors, JSON."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import click

from ostler.errors import OstlerError


def line(text: str = "") -> None:
    """Print one line."""
    click.echo(text)


def note(text: str) -> None:
    """Print one line about what is being done; it goes to stderr, so pipes stay clean."""
    click.echo(text, err=True)


def style(text: str, **looks: Any) -> str:
    """Colour a text; click drops the colours where the output is no terminal or NO_COLOR is set."""
    from os import environ

    return text if environ.get("NO_COLOR") else click.style(text, **looks)


def heading(text: str) -> None:
    """Print a heading."""
    line(style(text, bold=True))


def as_json(value: Any) -> None:
    """Print a value as one JSON document."""
    line(json.dumps(plain(value), indent=2, ensure_ascii=False))


def event(value: Any) -> None:
    """Print one JSON object on one line, at once."""
    click.echo(json.dumps(plain(value), ensure_ascii=False))
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Turn nouns into what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def error(problem: OstlerError, as_json: bool) -> None:
    """Show what happened and the next command to try."""
    if as_json:
        event({"error": problem.as_dict()})
        return
    note(f"{style('Error:', fg='red', bold=True)} {problem.what}")
    if problem.hint:
        note(f"  {problem.hint}")


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = (), shrink: int = 0
) -> None:
    """Print aligned columns; `right` names the columns set flush right.

    Column `shrink` gives way, by an ellipsis in its middle, where the terminal is too narrow.
    Piped output is never cut.
    """
    all_rows = [tuple(titles), *(tuple(row) for row in rows)]
    widths = [max(len(row[column]) for row in all_rows) for column in range(len(titles))]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
        widths[shrink] = max(12, min(widths[shrink], room - sum(widths) + widths[shrink]))
    for number, row in enumerate(all_rows):
        cells = [
            _cell(text, width, column in right)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        line(style(text, dim=True) if number == 0 else text)


def as_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as CSV (RFC 4180, but for its line ends)."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)


def _cell(text: str, width: int, flush_right: bool) -> str:
    if len(text) > width:
        keep = width - 1
        text = text[: keep - keep // 2] + "…" + text[len(text) - keep // 2 :]
    return text.rjust(width) if flush_right else text.ljust(width)


def pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns; long values wrap under themselves."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    room = max(40, min(shutil.get_terminal_size().columns, 100) - width - 2)
    for name, value in rows:
        first, *rest = _wrapped(value, room)
        line(f"{style(name.ljust(width), dim=True)}  {first}")
        for part in rest:
            line(" " * (width + 2) + part)


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
