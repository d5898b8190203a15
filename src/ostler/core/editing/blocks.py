"""Putting into, and taking out of, what is written line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostler.core.editing.layout import (
    after,
    blank_before,
    column,
    dash,
    end_of_line,
    first_on_line,
    line_break,
    list_step,
    step,
)
from ostler.core.editing.scalars import inline, lines, word
from ostler.core.editing.tree import Node
from ostler.errors import CannotEdit

Splice = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Page:
    """The text and its tree."""

    text: str
    root: Node


def add_item(page: Page, node: Node, place: int, value: Any) -> list[Splice]:
    """Put an item before the one at a place, or at the end, with the dash where theirs are."""
    text = page.text
    _plain_dash(page, node, min(place, len(node.items) - 1))
    indent = column(text, dash(text, node, 0))
    words = _under_dash(value, indent, indented=list_step(page.root, text) != 0)
    if place == len(node.items):
        at = after(text, node.items[-1], indent)
        return [(at, at, _joined(text, at, words, before=True))]
    mark = dash(text, node, place)
    if not first_on_line(text, mark):
        raise _by_hand("an item shares its line with another")
    at = mark - column(text, mark)
    return [(at, at, _joined(text, at, words, before=False))]


def take_item(page: Page, node: Node, place: int) -> list[Splice]:
    """Take an item out, with its lines."""
    text = page.text
    _plain_dash(page, node, place)
    mark = dash(text, node, place)
    if not first_on_line(text, mark):
        raise _by_hand("an item shares its line with another")
    return _lines_of(text, mark, after(text, node.items[place], column(text, mark)))


def add_pair(page: Page, node: Node, name: Any, value: Any) -> list[Splice]:
    """Put a pair at the end; after a blank line, where the last two have one between them."""
    text = page.text
    if not node.pairs:
        raise _by_hand("a mapping without a first line")
    indent = column(text, node.pairs[0][0].start)
    words = [" " * indent + line for line in _pair(page, name, value)]
    key, last = node.pairs[-1]
    at = after(text, last if last.end >= key.end else key, indent)
    apart = _apart(text, [key.start for key, _ in node.pairs])
    return [(at, at, _joined(text, at, ["", *words] if apart else words, before=True))]


def take_pair(page: Page, node: Node, place: int) -> list[Splice]:
    """Take a pair out with its lines, and with the blank line that `add_pair` would put."""
    text = page.text
    key, value = node.pairs[place]
    if not first_on_line(text, key.start):
        if place + 1 < len(node.pairs):
            return [(key.start, node.pairs[place + 1][0].start, "")]
        raise _by_hand(f"{key.data!r} shares its line with another")
    indent = column(text, key.start)
    end = after(text, value if value.end >= key.end else key, indent)
    start = key.start
    others = [one.start for one, _ in node.pairs[:-1]]
    if place == len(node.pairs) - 1 and blank_before(text, start) and _apart(text, others):
        start = text.rfind("\n", 0, start - indent - 1) + 1  # the blank line goes too
    return _lines_of(text, start, end)


def is_bare(page: Page, key: Node, value: Node) -> bool:
    """Say whether a key has no value yet, or just ` []` or ` {}` behind its colon."""
    if value.kind == "scalar":
        return value.data is None and value.start == value.end
    colon = value.start - 2
    said = page.text[colon : value.end]
    return value.flow and said in (": []", ": {}") and not value.items and not value.pairs


def fill(page: Page, key: Node, value: Node, wanted: Any) -> list[Splice]:
    """Put the first lines under a key that has no value yet."""
    text = page.text
    indent = column(text, key.start)
    if isinstance(wanted, dict):
        inner = indent + step(page.root, text)
        words = [" " * inner + line for name in wanted for line in _pair(page, name, wanted[name])]
    else:
        held = list_step(page.root, text)
        inner = indent + (2 if held is None else held)
        words = [line for one in wanted for line in _under_dash(one, inner, indented=held != 0)]
    at = after(text, value, inner)
    gone: list[Splice] = [(value.start - 1, value.end, "")] if value.end > value.start else []
    return [*gone, (at, at, _joined(text, at, words, before=True))]


def empty(page: Page, node: Node, place: int, wanted: Any) -> list[Splice]:
    """Take the last lines from under a key, and say behind its colon that it is empty."""
    text = page.text
    key, value = node.pairs[place]
    colon = text.index(":", key.end) + 1
    if text[colon : end_of_line(text, colon)].strip() and "#" not in text[colon : value.start]:
        raise _by_hand(f"the value of {key.data!r} begins on its own line")
    if value.kind == "list":
        _plain_dash(page, value, 0)
    first = value.pairs[0][0].start if value.kind == "map" else dash(text, value, 0)
    end = after(text, value, column(text, first))
    return [(colon, colon, f" {inline(wanted)}"), *_lines_of(text, first, end)]


def _pair(page: Page, name: Any, value: Any) -> list[str]:
    """The lines of a pair, indented as the file indents."""
    head = inline({name: None}).removeprefix("{").removesuffix("}").removesuffix(" null")
    if not isinstance(value, dict | list) or not value:
        return [f"{head} {word(value)}"]
    if isinstance(value, dict):
        inner = " " * step(page.root, page.text)
        return [head, *(inner + line for one in value for line in _pair(page, one, value[one]))]
    held = list_step(page.root, page.text)
    dashes = 2 if held is None else held
    return [head, *(row for one in value for row in _under_dash(one, dashes, indented=held != 0))]


def _under_dash(value: Any, indent: int, *, indented: bool = True) -> list[str]:
    rows = lines(value, indented) if isinstance(value, dict) and value else [word(value)]
    return [" " * indent + ("- " if number == 0 else "  ") + row for number, row in enumerate(rows)]


def _joined(text: str, at: int, words: list[str], *, before: bool) -> str:
    """The lines as text: behind a line (`before` them a line break), or in front of one."""
    ending = line_break(text, at)
    joined = ending.join(words)
    return ending + joined if before else joined + ending


def _lines_of(text: str, start: int, end: int) -> list[Splice]:
    """The lines from that of `start` to that which ends at `end`, with one line break."""
    begin = start - column(text, start)
    if begin == 0:
        ending = line_break(text, end) if end < len(text) else ""
        return [(0, end + len(ending), "")]
    begin -= 2 if text[begin - 2 : begin] == "\r\n" else 1
    return [(begin, end, "")]


def _apart(text: str, starts: list[int]) -> bool:
    return len(starts) > 1 and blank_before(text, starts[-1])


def _plain_dash(page: Page, node: Node, place: int) -> None:
    mark = dash(page.text, node, place)
    between = page.text[mark + 1 : node.items[place].start]
    if mark < 0 or between.strip():
        raise _by_hand("an item stands apart from its dash")


def _by_hand(why: str) -> CannotEdit:
    return CannotEdit(
        f"The file is written in a way that no edit by position does: {why}.",
        hint="Nothing was changed. Make the change by hand.",
    )
