"""The next splices on the way from what a text says to what it shall say."""

from __future__ import annotations

from typing import Any

from ostler.core.editing import blocks, flows
from ostler.core.editing.layout import line_break
from ostler.core.editing.scalars import inline, lines
from ostler.core.editing.tree import Node
from ostler.errors import CannotEdit

Splice = tuple[int, int, str]  # from, to before, what is put there


def next_splices(text: str, root: Node | None, wanted: Any) -> list[Splice]:
    """Return the splices of one step; none when the text says what is wanted."""
    if root is None:
        if wanted in (None, {}, []):
            return []
        ending = line_break(text, len(text))
        words, unended = ending.join(lines(wanted)), text and not text.endswith("\n")
        return [(len(text), len(text), ending + words if unended else words + ending)]
    if root.data == wanted or (wanted in (None, {}, []) and not root.data):
        return []
    return change(blocks.Page(text, root), root, wanted)


def change(page: blocks.Page, node: Node, wanted: Any) -> list[Splice]:
    """Return the splices of one step for a value that stands in the text."""
    if node.kind == "map" and isinstance(wanted, dict) and isinstance(node.data, dict):
        return _map(page, node, wanted)
    if node.kind == "list" and isinstance(wanted, list) and isinstance(node.data, list):
        return _list(page, node, wanted)
    if node.kind in ("scalar", "alias") or node.flow:
        return _replaced(page, node, wanted)
    raise CannotEdit(
        f"A block of lines would have to become {inline(wanted)}.",
        hint="Nothing was changed. Make the change by hand.",
    )


def _replaced(page: blocks.Page, node: Node, wanted: Any) -> list[Splice]:
    start, end = node.start, node.end
    if node.block_scalar:
        raise CannotEdit("A text of several lines would have to be replaced.", hint="By hand.")
    words = inline(wanted)
    if start == end and start and page.text[start - 1] not in " \t\n":
        words = " " + words
    return [(start, end, words)]


def _map(page: blocks.Page, node: Node, wanted: dict[Any, Any]) -> list[Splice]:
    held = [key.data for key, _ in node.pairs]
    form: Any = flows if node.flow else blocks
    for place, (_, value) in enumerate(node.pairs):
        name = held[place]
        if name not in wanted:
            taken: list[Splice] = form.take_pair(page, node, place)
            return taken
        if value.data != wanted[name]:
            return _value(page, node, place, wanted[name])
    name = next(one for one in wanted if one not in held)
    added: list[Splice] = form.add_pair(page, node, name, wanted[name])
    return added


def _value(page: blocks.Page, node: Node, place: int, wanted: Any) -> list[Splice]:
    """Change the value of a pair; what has no lines yet, or shall have none, is its own case."""
    key, value = node.pairs[place]
    if not node.flow and not value.anchor:
        if isinstance(wanted, dict | list) and wanted and blocks.is_bare(page, key, value):
            return blocks.fill(page, key, value, wanted)
        single = len(value.items) + len(value.pairs) == 1 and not value.flow
        if single and wanted in ({}, []) and _same_kind(value, wanted):
            return blocks.empty(page, node, place, wanted)
        if value.kind in ("map", "list") and not value.flow and not _same_kind(value, wanted):
            return blocks.take_pair(page, node, place)  # put in anew next
    return change(page, value, wanted)


def _same_kind(value: Node, wanted: Any) -> bool:
    return isinstance(wanted, dict if value.kind == "map" else list)


def _list(page: blocks.Page, node: Node, wanted: list[Any]) -> list[Splice]:
    """Entries that stay keep their lines; the first that is out of place is seen to."""
    held = [item.data for item in node.items]
    form: Any = flows if node.flow else blocks
    spliced: list[Splice]
    shared = range(min(len(held), len(wanted)))
    place = next((i for i in shared if held[i] != wanted[i]), len(shared))
    if place == len(held):
        spliced = form.add_item(page, node, place, wanted[place])
    elif place == len(wanted) or held[place] not in wanted[place:]:
        swap = place < len(wanted) and len(held) == len(wanted) and wanted[place] not in held
        if swap and (node.items[place].kind == "scalar" or node.items[place].flow):
            return change(page, node.items[place], wanted[place])
        spliced = form.take_item(page, node, place)
    else:
        spliced = form.add_item(page, node, place, wanted[place])
    return spliced
