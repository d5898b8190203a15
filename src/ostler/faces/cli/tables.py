"""How a table fits a width: words wrap, names give way in their middle, columns go, rows stack.

Numbers and short words are never cut. What is not shown is named, so that nobody takes a part
for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

GAP = 2  # columns between two cells
SHORT = 20  # a name as long as this is shown whole
NAME = 26  # what is left of a long name, at least
LEAST = 14  # the same, where rows would be stacked otherwise
PROSE = 28  # the least width that words are wrapped to
WORDS = re.compile(r"(?:`[^`]*`|[^\s`])+|`")
LINES = 4  # of one wrapped cell; more would be a page, not a row


@dataclass(frozen=True, slots=True)
class Table:
    """What is to be shown; `right` names columns set flush right, `spare` those that go first."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    spare: tuple[str, ...] = ()  # titles, that of least worth first

    def without(self, title: str) -> Table:
        """Return the table less one column."""
        at = self.titles.index(title)
        return Table(
            _less(self.titles, at),
            tuple(_less(row, at) for row in self.rows),
            frozenset(one - (one > at) for one in self.right if one != at),
            self.spare,
        )


@dataclass(frozen=True, slots=True)
class Laid:
    """The lines of a table, the row that each is of, and what was left out."""

    lines: tuple[str, ...]
    rows: tuple[int | None, ...]  # None: a line of titles
    left_out: tuple[str, ...] = ()


def lay(table: Table, width: int | None) -> Laid:
    """Lay a table out in so many columns of text; None: as wide as it is."""
    table = Table(
        table.titles, tuple(tuple(map(_clean, row)) for row in table.rows), table.right, table.spare
    )
    whole = table
    gone: list[str] = []
    for title, least in (("", NAME), *((one, NAME) for one in _order(table)), ("", LEAST)):
        if title:
            table = table.without(title)
            gone.append(title)
        widths = _widths(table, width, least)
        if widths is not None:
            said = tuple(one for one in gone if one in table.spare)
            return _laid(_grid(table, widths), said)
    assert width is not None
    return _laid(_stacked(whole, width))


Line = tuple[int | None, str]


def _laid(lines: Iterable[Line], left_out: tuple[str, ...] = ()) -> Laid:
    rows, texts = zip(*lines, strict=True)
    return Laid(texts, rows, left_out)


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes; a wide letter takes two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _clean(text: str) -> str:
    """Names come from outside: none may move the cursor, colour the line or begin a new one."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
                   for c in text)  # fmt: skip


def _order(table: Table) -> list[str]:
    """Return which columns go, one after the other: those that say nothing, then the spare ones."""
    silent = [
        title
        for at, title in enumerate(table.titles)
        if at and title and not any(row[at] for row in table.rows)
    ]
    return [*silent, *(one for one in table.spare if one in table.titles and one not in silent)]


def _widths(table: Table, width: int | None, name: int) -> list[int] | None:
    """Return each column's width, None where even the least does not fit.

    A long name keeps `name` columns at least.
    """
    columns = list(zip(table.titles, *table.rows, strict=True))
    widths = [max(map(cells, column)) for column in columns]
    if width is None:
        return widths
    over = sum(widths) + GAP * (len(widths) - 1) - width
    prose = [at for at, column in enumerate(columns) if _is_prose(column[1:])]
    names = [at for at in range(len(columns)) if at not in prose and at not in table.right]
    over = _take(over, widths, prose, [_least_prose(columns[at]) for at in prose])
    over = _take(over, widths, names, [_least_name(columns[at], name) for at in names])
    return widths if over <= 0 else None


def _take(over: int, widths: list[int], group: Sequence[int], least: Sequence[int]) -> int:
    """Narrow the widest columns of a group first; return what is still too much."""
    floors = dict(zip(group, least, strict=True))
    while over > 0:
        able = [at for at in group if widths[at] > floors[at]]
        if not able:
            return over
        widest = max(able, key=lambda at: widths[at])
        others = [widths[at] for at in able if widths[at] < widths[widest]]
        step = min(over, widths[widest] - max([floors[widest], *others], default=0))
        step = max(1, step)
        widths[widest] -= step
        over -= step
    return over


def _is_prose(column: Sequence[str]) -> bool:
    """Sentences and lists have several words in a long cell; names have none."""
    return any(cells(text) > PROSE and text.count(" ") > 1 for text in column)


def _least_prose(column: Sequence[str]) -> int:
    longest = max(map(cells, column))
    word = max((cells(word) for text in column for word in text.split()), default=0)
    return min(longest, max(PROSE, -(-longest // LINES) + 4, min(word, 2 * PROSE)))


def _least_name(column: Sequence[str], name: int) -> int:
    longest = max(map(cells, column))
    whole = longest <= min(SHORT, name)
    return longest if whole else max(cells(column[0]), min(longest, name))


def _grid(table: Table, widths: Sequence[int]) -> list[Line]:
    lines: list[Line] = []
    for number, row in enumerate((table.titles, *table.rows)):
        parts = [_folded(text, width) for text, width in zip(row, widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            padded = (
                _pad(text, width, at in table.right)
                for at, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            lines.append((number - 1 if number else None, (" " * GAP).join(padded).rstrip()))
    return lines


def _folded(text: str, width: int) -> list[str]:
    if cells(text) <= width:
        return [text]
    return wrapped(text, width) if _is_prose((text,)) else [shortened(text, width)]


def wrapped(text: str, width: int) -> list[str]:
    """Break a text at its spaces; a word that is too long is shortened."""
    lines: list[str] = []
    for word in text.split():
        if lines and cells(lines[-1]) + 1 + cells(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(shortened(word, width))
    return lines or [""]


def shortened(text: str, width: int) -> str:
    """Return a text with an ellipsis in its middle, where it is too long."""
    if cells(text) <= width:
        return text
    keep = width - 1
    head, tail = text[: keep - keep // 2], text[len(text) - keep // 2 :]
    while cells(head) + cells(tail) > keep:  # wide letters
        head, tail = (head[:-1], tail) if len(head) >= len(tail) else (head, tail[1:])
    return f"{head}…{tail}"


def _pad(text: str, width: int, right: bool) -> str:
    room = " " * (width - cells(text))
    return room + text if right else text + room


def _stacked(table: Table, width: int) -> list[Line]:
    """One line for each value, under its title; a long word stays whole, to be copied."""
    named = max(map(cells, table.titles))
    lines: list[Line] = []
    for number, row in enumerate(table.rows):
        if lines:
            lines.append((number, ""))
        for title, text in zip(table.titles, row, strict=True):
            first, *more = unbroken(text, width - named - GAP)
            if text:
                lines.append((number, f"{_pad(title, named, False)}{' ' * GAP}{first}".rstrip()))
                lines += [(number, " " * (named + GAP) + part) for part in more]
    return lines


def unbroken(text: str, width: int) -> list[str]:
    """Break a text at its spaces, and nowhere else; a `command` in quotes stays whole."""
    lines: list[str] = []
    for word in WORDS.findall(text):
        if lines and cells(lines[-1]) + 1 + cells(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _less(row: tuple[str, ...], at: int) -> tuple[str, ...]:
    return row[:at] + row[at + 1 :]
