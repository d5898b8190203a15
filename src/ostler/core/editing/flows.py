"""Putting into, and taking out of, what is written in brackets: `[a, b]`, `{a: 1}`."""

from __future__ import annotations

from typing import Any

from ostler.core.editing.blocks import Page
from ostler.core.editing.layout import column, first_on_line, line_break
from ostler.core.editing.scalars import inline
from ostler.core.editing.tree import Node

Splice = tuple[int, int, str]


def add_item(page: Page, node: Node, place: int, value: Any) -> list[Splice]:
    """Put an item before the one at a place, or at the end."""
    return _add(page, node, _items(node), place, inline(value))


def take_item(page: Page, node: Node, place: int) -> list[Splice]:
    """Take an item out."""
    return _take(page, _items(node), place)


def add_pair(page: Page, node: Node, name: Any, value: Any) -> list[Splice]:
    """Put a pair at the end."""
    words = inline({name: value}).removeprefix("{").removesuffix("}")
    return _add(page, node, _pairs(node), len(node.pairs), words)


def take_pair(page: Page, node: Node, place: int) -> list[Splice]:
    """Take a pair out."""
    return _take(page, _pairs(node), place)


def _items(node: Node) -> list[tuple[int, int]]:
    return [(item.start, item.end) for item in node.items]


def _pairs(node: Node) -> list[tuple[int, int]]:
    return [(key.start, max(key.end, value.end)) for key, value in node.pairs]


def _add(
    page: Page, node: Node, held: list[tuple[int, int]], place: int, words: str
) -> list[Splice]:
    if not held:
        inner = page.text.index("[" if node.kind == "list" else "{", node.start) + 1
        return [(inner, inner, words)]
    if place < len(held):
        return [(held[place][0], held[place][0], f"{words}, ")]
    start, end = held[-1]
    between = " "
    if first_on_line(page.text, start):
        between = line_break(page.text, start) + " " * column(page.text, start)
    return [(end, end, f",{between}{words}")]


def _take(page: Page, held: list[tuple[int, int]], place: int) -> list[Splice]:
    """Take it with the comma before it, or with the one after; comments stay."""
    start, end = held[place]
    if place + 1 < len(held):
        following = held[place + 1][0]
        if "#" not in page.text[end:following]:
            return [(start, following, "")]
        return [(start, page.text.index(",", end) + 1, "")]
    if place and "#" not in page.text[held[place - 1][1] : start]:
        return [(held[place - 1][1], end, "")]
    rest = page.text[end:].lstrip()
    return [(start, page.text.index(",", end) + 1 if rest.startswith(",") else end, "")]
