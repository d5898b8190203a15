"""A YAML text as a tree that knows where each part stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from ostler.core.editing.scalars import meaning
from ostler.errors import BrokenYaml, CannotEdit

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it is built in


@dataclass(frozen=True, slots=True)
class Node:
    """A value in the text, from `start` to before `end` (of a block: to where the next begins)."""

    kind: str  # "scalar", "list", "map", "alias"
    start: int
    end: int
    data: Any  # what it says, aliases resolved, merges not
    flow: bool = False  # [a, b] or {a: b}
    block_scalar: bool = False  # | or >
    anchor: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = field(default=())

    @property
    def last(self) -> int:
        """Return where its last character ends."""
        if self.kind == "list" and not self.flow and self.items:
            return self.items[-1].last
        if self.kind == "map" and not self.flow and self.pairs:
            key, value = self.pairs[-1]
            return max(key.last, value.last)
        return self.end


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag of its own, such as Compose's `!reset`; only compared, never read."""

    tag: str
    data: Any


def parse(text: str, name: str) -> Node | None:
    """Return the tree; None for a text without a value. `name` is the file's, for messages.

    Raises BrokenYaml with line and column, CannotEdit for a file of several documents.
    """
    reader = Reader(name)
    try:
        return reader.read(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise broken(name, str(error.problem or error.context), *where) from None
    except yaml.YAMLError as error:
        raise broken(name, " ".join(str(error).split()), 1, 1) from None
    except RecursionError:
        raise broken(name, "it is nested too deeply", 1, 1) from None


def broken(name: str, why: str, line: int, column: int) -> BrokenYaml:
    """Return the refusal of a text that is not YAML."""
    return BrokenYaml(
        f"{name} is not YAML: line {line}, column {column}: {why}.",
        hint="Nothing was changed. Mend that line, then run the command again.",
        file=name, line=line, column=column,
    )  # fmt: skip


class Reader:
    """Builds the tree from the parser's events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.anchors: dict[str, Any] = {}

    def read(self, events: Iterator[Any]) -> Node | None:
        found: list[Node] = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                found.append(self.node(next(events), events))
        if len(found) > 1:
            raise CannotEdit(
                f"{self.name} holds {len(found)} YAML documents; it is not clear which to edit.",
                hint="Split the file, or make the change by hand.",
            )
        empty = not found or (found[0].kind == "scalar" and found[0].start == found[0].end)
        return None if empty else found[0]

    def node(self, event: Any, events: Iterator[Any]) -> Node:
        """Return the node that begins with an event."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self.fault(event, f"there is no anchor &{event.anchor} above it")
            data = self.anchors[event.anchor]
            return Node("alias", *_span(event, event), data)
        if isinstance(event, yaml.ScalarEvent):
            found = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            found = self.sequence(event, events)
        else:
            found = self.mapping(event, events)
        if event.anchor:
            self.anchors[event.anchor] = found.data
            found = replace(found, anchor=event.anchor)
        return found

    def scalar(self, event: Any) -> Node:
        tag = "" if any(event.implicit) else event.tag or ""
        data = Tagged(tag, event.value) if tag else meaning(event.value, event.style)
        block = event.style in ("|", ">")
        return Node("scalar", *_span(event, event), data, block_scalar=block)

    def sequence(self, event: Any, events: Iterator[Any]) -> Node:
        items = []
        while not isinstance(one := next(events), yaml.SequenceEndEvent):
            items.append(self.node(one, events))
        data: Any = [item.data for item in items]
        data = data if event.implicit else Tagged(event.tag, data)
        flow = bool(event.flow_style)
        return Node("list", *_span(event, one), data, flow, items=tuple(items))

    def mapping(self, event: Any, events: Iterator[Any]) -> Node:
        pairs: list[tuple[Node, Node]] = []
        data: dict[Any, Any] = {}
        while not isinstance(one := next(events), yaml.MappingEndEvent):
            key = self.node(one, events)
            value = self.node(next(events), events)
            if isinstance(key.data, dict | list | Tagged):
                raise CannotEdit(
                    f"{self.name} has a key that is no plain name, in line "
                    f"{one.start_mark.line + 1}.",
                    hint="Make the change by hand.",
                )
            name = key.data
            if name in data and name != "<<":
                raise self.fault(one, f"the key {name!r} stands there twice")
            data[name] = value.data
            pairs.append((key, value))
        said: Any = data if event.implicit else Tagged(event.tag, data)
        flow = bool(event.flow_style)
        return Node("map", *_span(event, one), said, flow, pairs=tuple(pairs))

    def fault(self, event: Any, why: str) -> BrokenYaml:
        mark = event.start_mark
        return broken(self.name, why, mark.line + 1, mark.column + 1)


def _span(first: Any, last: Any) -> tuple[int, int]:
    return first.start_mark.index, last.end_mark.index
