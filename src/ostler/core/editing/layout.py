"""Lines and columns of a text, as an edit needs them."""

from __future__ import annotations

import re

from ostler.core.editing.tree import Node

COMMENT = re.compile(r"[ \t]*#")


def column(text: str, place: int) -> int:
    """Return how many characters stand before a place on its line."""
    return place - (text.rfind("\n", 0, place) + 1)


def first_on_line(text: str, place: int) -> bool:
    """Say whether only blanks stand before a place on its line."""
    return not text[place - column(text, place) : place].strip(" ")


def end_of_line(text: str, place: int) -> int:
    """Return where the line of a place ends, before its line break."""
    found = text.find("\n", place)
    found = len(text) if found < 0 else found
    return found - 1 if text[place:found].endswith("\r") else found


def line_break(text: str, place: int) -> str:
    """Return how the line of a place ends, else how the line before it does."""
    end = end_of_line(text, place)
    found = "\n" if text[end : end + 1] == "\n" else text[end : end + 2]
    if found in ("\n", "\r\n"):
        return found
    before = text.rfind("\n", 0, place)
    return "\r\n" if before > 0 and text[before - 1] == "\r" else "\n"


def after(text: str, node: Node, indent: int) -> int:
    """Return where the last line of a value in a block ends, its own comments included.

    Comments that follow at once, deeper than `indent`, are the value's own.
    """
    last = node
    while (inner := _last_inside(last)) is not None:
        last = inner
    place = last.end
    if last.block_scalar:
        place = _end_of_block(text, last)
    end = end_of_line(text, place)
    while end < len(text):
        start = end + len(line_break(text, end))
        line = text[start : end_of_line(text, start)]
        deeper = len(line) - len(line.lstrip(" ")) > indent
        if not (COMMENT.match(line) and deeper):
            break
        end = end_of_line(text, start)
    return end


def _last_inside(node: Node) -> Node | None:
    if node.flow:
        return None
    if node.items:
        return node.items[-1]
    if node.pairs:
        key, value = node.pairs[-1]
        return value if value.end >= key.end else key
    return None


def _end_of_block(text: str, node: Node) -> int:
    """The end of a literal or folded text: of its last line, or with `+` of the blank ones too."""
    written = text[node.start : node.end]
    if "+" in written.split("\n", 1)[0]:
        return node.start + len(written.removesuffix("\n").removesuffix("\r"))
    return node.start + len(written.rstrip())


def blank_before(text: str, place: int) -> bool:
    """Say whether the line before the line of a place is blank."""
    start = place - column(text, place)
    above = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return start > 0 and not text[above:start].strip()


def step(root: Node | None, text: str) -> int:
    """Return how many columns the file goes in for a nested mapping; 2 where it has none."""
    todo = [root] if root else []
    for node in todo:
        for key, value in node.pairs if not node.flow else ():
            if value.kind == "map" and value.pairs and not value.flow:
                found = column(text, value.pairs[0][0].start) - column(text, key.start)
                if found > 0:
                    return found
            todo.append(value)
        todo += node.items
    return 2


def list_step(root: Node | None, text: str) -> int | None:
    """Return how far in from its key the file puts the dashes of a list; None: it has none."""
    todo = [root] if root else []
    for node in todo:
        for key, value in node.pairs if not node.flow else ():
            if value.kind == "list" and value.items and not value.flow:
                return column(text, dash(text, value, 0)) - column(text, key.start)
            todo.append(value)
        todo += node.items
    return None


def dash(text: str, node: Node, place: int) -> int:
    """Return where the dash of an item of a block list stands."""
    return text.rfind("-", 0, node.items[place].start)
