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
    """Print a line about what is being done; it goes to stderr, so pipes stay clean.

    A terminal gets it broken between words, but never within a command to be copied.
    """
    for part in _broken(text):
        click.echo(part, err=True)


def _broken(text: str) -> list[str]:
    room = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    if room is None or len(text) <= room or "\x1b" in text:
        return [text]
    from ostler.faces.cli.tables import unbroken

    indent = text[: len(text) - len(text.lstrip())]
    return [indent + part for part in unbroken(text, room - len(indent))]


def style(text: str, **looks: Any) -> str:
    """Colour a text, but where NO_COLOR is set or TERM=dumb; click drops colours that are piped."""
    from os import environ

    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    return text if plain else click.style(text, **looks)


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
    first, *more = _broken(f"Error: {problem.what}")
    note(style("Error:", fg="red", bold=True) + first.removeprefix("Error:"))
    for part in more:
        note(part)
    if problem.hint:
        note(f"  {problem.hint}")


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[int] = (),
    spare: Sequence[str] = (),
    looks: Sequence[str | None] = (),
) -> None:
    """Print aligned columns; `right` names the columns set flush right, `looks` a row's colour.

    Where the terminal is too narrow, `spare` names the columns that go first. Piped output is
    never cut, and nothing is printed of no rows.
    """
    from ostler.faces.cli.tables import Table, lay

    known = tuple(tuple(row) for row in rows)
    if not known:
        return
    laid = lay(Table(tuple(titles), known, frozenset(right), tuple(spare)), width())
    for number, text in zip(laid.rows, laid.lines, strict=True):
        colour = looks[number] if looks and number is not None else None
        line(style(text, fg=colour, dim=number is None) if colour or number is None else text)
    if laid.left_out:
        names = ", ".join(title.lower() for title in laid.left_out)
        note(style(f"Too narrow for: {names}. A pipe or --json shows all.", dim=True))


def width() -> int | None:
    """Return the columns of the terminal that is written to; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def as_csv(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as CSV (RFC 4180, but for its line ends)."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)


def pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns; long values wrap under themselves."""
    from ostler.faces.cli.tables import unbroken

    rows = list(rows)
    named = max(len(name) for name, _ in rows)
    room = max(40, min(shutil.get_terminal_size().columns, 100) - named - 2)
    for name, value in rows:
        first, *rest = unbroken(value, room) if len(value) > room else [value]
        line(f"{style(name.ljust(named), dim=True)}  {first}")
        for part in rest:
            line(" " * (named + 2) + part)
