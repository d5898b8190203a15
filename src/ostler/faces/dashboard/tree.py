"""What a page shows, as a value: a tree of tags and texts, made by functions and compared; pure.

The browser builds it with Vue (`tree.js`), which touches only what has changed: a button keeps the
focus, a field what is being typed. Texts stay texts; nothing that a model, a hub or a user wrote
can become a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any, TypeAlias

Node: TypeAlias = "Tag | str"
Child: TypeAlias = "Node | int | float | bool | Iterable[Child] | None"
Path: TypeAlias = tuple[int, ...]
Op: TypeAlias = "list[Any]"

SELECTOR = re.compile(r"([a-z][a-z0-9-]*)(#[\w-]+)?((?:\.[\w-]+)*)")
NAME = re.compile(r"[a-z][a-zA-Z0-9-]*")  # SVG has names such as viewBox
SAFE = re.compile(r"(?:https?://|/(?!/)|#|\?|data:image/svg\+xml,)")  # where a link may lead
REFUSED = frozenset({"innerHTML", "outerHTML", "textContent", "innerText", "srcdoc"})
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass(frozen=True, slots=True)
class Act:
    """What the page is to do: its method `do_<name>`, with these arguments.

    A form adds `values` (its fields by name), a field's change `value`.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `key` tells it from its neighbours where their number or order changes."""

    name: str
    attrs: Mapping[str, str | Act]
    children: tuple[Node, ...] = ()
    key: str = ""


def act(name: str, /, **args: Any) -> Act:
    """Return what an event asks of the page: `on_click=act("load", model=id)`."""
    return Act(name, args)


def h(selector: str, *children: Child, key: object = "", **attrs: Any) -> Tag:
    """Return a tag: `h("a.button", "Open", href="/dashboard")`.

    `selector` is a tag's name with an id and classes. Children that are None or False are left
    out, lists are taken apart. An attribute of None or False is left out, True has no value;
    `aria_label` is written aria-label, `for_` and `class_` without their last character.
    Raises ValueError for a name or a link that could run a program.
    """
    name, own = _selected(selector)
    found: dict[str, str | Act] = dict(own)
    for spelt, value in attrs.items():
        if value is None or value is False:
            continue
        attr = spelt.rstrip("_").replace("_", "-")
        if isinstance(value, Act):
            if not attr.startswith("on-"):
                raise ValueError(f"{spelt} is no event")
            found[attr] = value
            continue
        if attr.startswith("on") or attr in REFUSED or not NAME.fullmatch(attr):
            raise ValueError(f"{attr} is no attribute")
        text = "" if value is True else str(value)
        if attr in ("href", "src", "action") and not SAFE.match(text):
            raise ValueError(f"{text!r} is no link")
        found[attr] = f"{found[attr]} {text}".strip() if attr == "class" in found else text
    return Tag(name, found, tuple(_flat(children)), str(key) if key != "" else "")


@lru_cache(maxsize=2048)
def _selected(selector: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    match = SELECTOR.fullmatch(selector)
    if not match:
        raise ValueError(f"{selector!r} is no tag")
    name, id, classes = match.groups()
    found = [("id", id[1:])] if id else []
    if classes:
        found.append(("class", classes[1:].replace(".", " ")))
    return name, tuple(found)


def _flat(children: Iterable[Child]) -> Iterator[Node]:
    for child in children:
        if child is None or isinstance(child, bool):
            continue
        if isinstance(child, (Tag, str)):
            yield child
        elif isinstance(child, (int, float)):
            yield str(child)
        else:
            yield from _flat(child)


# --- as the browser is told ----------------------------------------------------------------------


def packed(node: Node) -> Any:
    """Return a node as JSON has it: a text, or [name, attributes, children, events, key]."""
    if isinstance(node, str):
        return node
    attrs = {name: value for name, value in node.attrs.items() if isinstance(value, str)}
    events = {
        name[3:]: [value.name, dict(value.args)]
        for name, value in node.attrs.items()
        if isinstance(value, Act)
    }
    return [node.name, attrs, [packed(child) for child in node.children], events, node.key]


def html(node: Node) -> str:
    """Return a node as HTML, for the moment before the browser has run our programs."""
    if isinstance(node, str):
        return escape(node, quote=False)
    attrs = "".join(
        f' {name}="{escape(value)}"' if value else f" {name}"
        for name, value in node.attrs.items()
        if isinstance(value, str)
    )
    if node.name in VOID:
        return f"<{node.name}{attrs}>"
    inside = "".join(html(child) for child in node.children)
    return f"<{node.name}{attrs}>{inside}</{node.name}>"


# --- what has changed ----------------------------------------------------------------------------


def difference(old: Node, new: Node, path: Path = ()) -> list[Op]:
    """Return what makes one tree into another, to be done in this order.

    `["node", path, node]` puts a node in another's place, `["attrs", path, attributes, events]`
    gives a tag others, `["splice", path, at, count, nodes]` exchanges children.
    """
    if old == new:
        return []
    if isinstance(old, str) or isinstance(new, str) or not _alike(old, new):
        return [["node", list(path), packed(new)]]
    ops: list[Op] = []
    if old.attrs != new.attrs:
        _, attrs, _, events, _ = packed(Tag(new.name, new.attrs))
        ops.append(["attrs", list(path), attrs, events])
    return ops + _children(old.children, new.children, path)


def _children(old: Sequence[Node], new: Sequence[Node], path: Path) -> list[Op]:
    """Compare neighbours of one kind from both ends; what is left between is exchanged."""
    shorter = min(len(old), len(new))
    head = _matching(old, new, shorter)
    tail = _matching(old[::-1], new[::-1], shorter - head)
    ops: list[Op] = []
    for at in range(head):
        ops += difference(old[at], new[at], (*path, at))
    for back in range(tail, 0, -1):  # by the places of the old tree: the splice comes last
        ops += difference(old[-back], new[-back], (*path, len(old) - back))
    if head + tail < max(len(old), len(new)):
        fresh = [packed(one) for one in new[head : len(new) - tail]]
        ops.append(["splice", list(path), head, len(old) - head - tail, fresh])
    return ops


def _matching(old: Sequence[Node], new: Sequence[Node], most: int) -> int:
    count = 0
    while count < most and _alike(old[count], new[count]):
        count += 1
    return count


def _alike(one: Node, other: Node) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str)
    return one.name == other.name and one.key == other.key
